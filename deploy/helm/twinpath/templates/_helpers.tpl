{{/* Name of the service's objects. The others add at most 20 characters, and Kubernetes takes 63. */}}
{{- define "twinpath.name" -}}
{{- $chart := .Values.nameOverride | default .Chart.Name -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name $chart) (contains $chart .Release.Name) -}}
{{- .Values.fullnameOverride | default $name | trunc 43 | trimSuffix "-" }}
{{- end }}

{{/* Labels that select a part's pods: (dict "root" $ "part" "service"). */}}
{{- define "twinpath.selector" -}}
{{- $chart := .root.Values.nameOverride | default .root.Chart.Name -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/name: {{ if eq .part "service" }}{{ $chart }}{{ else }}{{ $chart }}-{{ .part }}{{ end }}
{{- end }}

{{/* Labels of a part's pods. No version is among them, so a new chart does not restart workers that it does not change. */}}
{{- define "twinpath.podLabels" -}}
{{- $own := dict "app.kubernetes.io/component" .part "app.kubernetes.io/part-of" "twinpath" -}}
{{- toYaml (merge (include "twinpath.selector" . | fromYaml) $own (.root.Values.commonLabels | default dict)) }}
{{- end }}

{{/* Labels of a part's objects. */}}
{{- define "twinpath.labels" -}}
{{- $own := dict
  "app.kubernetes.io/version" .root.Chart.AppVersion
  "app.kubernetes.io/managed-by" .root.Release.Service
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") -}}
{{- toYaml (merge $own (include "twinpath.podLabels" . | fromYaml)) }}
{{- end }}

{{/* Name, labels and annotations of an object, the name by default that of its part. Optional: "name", "labels",
     "annotations", and "root" and "part" as above. */}}
{{- define "twinpath.metadata" -}}
{{- $name := include "twinpath.name" .root -}}
name: {{ .name | default (ternary $name (printf "%s-%s" $name .part) (eq .part "service")) }}
namespace: {{ .root.Release.Namespace }}
labels: {{- toYaml (merge (include "twinpath.labels" . | fromYaml) (.labels | default dict)) | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) (.root.Values.commonAnnotations | default dict) }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The parts that the values make, one a line. vllm-router refuses to balance over one worker. */}}
{{- define "twinpath.parts" -}}
service
{{- if eq .Values.engine.kind "workers" }}
worker
{{- if and .Values.router.enabled (gt (int .Values.worker.replicas) 1) }}
router
{{- end }}
{{- end }}
{{- end }}

{{- define "twinpath.routed" -}}
{{- if has "router" (include "twinpath.parts" . | splitList "\n") }}true{{ end }}
{{- end }}

{{/* `remote`, the service's engine, where workers sample the paths. */}}
{{- define "twinpath.remote" -}}
{{- if has .Values.engine.kind (list "workers" "external") }}remote{{ end }}
{{- end }}

{{/* The workload of the service: replicas with volumes of their own are a StatefulSet. */}}
{{- define "twinpath.serviceKind" -}}
{{- ternary "StatefulSet" "Deployment" (and (eq .Values.engine.kind "vllm") (ne .Values.service.cacheSize "")) }}
{{- end }}

{{/* GPUs of a replica of the service. */}}
{{- define "twinpath.serviceGpus" -}}
{{- ternary (int .Values.service.gpus) 0 (eq .Values.engine.kind "vllm") }}
{{- end }}

{{/* Image of a part: (dict "root" $ "part" "service"). */}}
{{- define "twinpath.image" -}}
{{- $image := (index .root.Values .part).image -}}
{{- $suffix := "" -}}
{{- if eq .part "service" -}}
{{- $suffix = "-slim" -}}
{{- if eq .root.Values.engine.kind "vllm" -}}
{{- $suffix = ternary "-cpu" "-gpu" (eq (include "twinpath.serviceGpus" .root) "0") -}}
{{- end -}}
{{- end -}}
{{- $registry := .root.Values.global.imageRegistry | default $image.registry | trimSuffix "/" -}}
{{- $repository := $image.repository -}}
{{- if $registry -}}
{{- /* A first part with a point or a port is a registry of its own, as in Docker's names. */ -}}
{{- $repository = regexReplaceAll "^(localhost|[^/]*[.:][^/]*)/" $repository "" | printf "%s/%s" $registry -}}
{{- end -}}
{{- $tag := $image.tag | default (printf "%s%s" .root.Chart.AppVersion $suffix) -}}
image: {{ ternary (printf "%s@%s" $repository $image.digest) (printf "%s:%s" $repository $tag) (ne $image.digest "") | quote }}
imagePullPolicy: {{ $image.pullPolicy }}
{{- end }}

{{/* The addresses of this chart's workers, one a line: stable names of the StatefulSet's pods. */}}
{{- define "twinpath.workers" -}}
{{- $name := include "twinpath.name" . -}}
{{- range $number := until (int .Values.worker.replicas) }}
http://{{ $name }}-worker-{{ $number }}.{{ $name }}-worker:8000
{{- end }}
{{- end }}

{{- define "twinpath.workerUrls" -}}
{{- if eq .Values.engine.kind "external" }}
{{- join "," .Values.engine.urls }}
{{- else if include "twinpath.routed" . }}
{{- printf "http://%s-router:30000" (include "twinpath.name" .) }}
{{- else }}
{{- include "twinpath.workers" . | trim | splitList "\n" | join "," }}
{{- end }}
{{- end }}

{{- define "twinpath.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "twinpath.name" .) "" .Values.serviceAccount.create) }}
{{- end }}
