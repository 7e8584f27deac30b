{{- define "twinpath.name" -}}
{{- if contains "twinpath" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-twinpath{{ end }}
{{- end }}

{{/* Labels that select a part's pods: (dict "root" $ "part" "service"). */}}
{{- define "twinpath.selector" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/name: {{ if eq .part "service" }}twinpath{{ else }}twinpath-{{ .part }}{{ end }}
{{- end }}

{{- define "twinpath.labels" -}}
{{ include "twinpath.selector" . }}
app.kubernetes.io/part-of: twinpath
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "twinpath.image" -}}
image: {{ printf "%s:%s" .repository .tag | quote }}
imagePullPolicy: {{ .pullPolicy | default "IfNotPresent" }}
{{- end }}

{{/* The addresses of this chart's workers, one a line: stable names of the StatefulSet's pods. */}}
{{- define "twinpath.workers" -}}
{{- $name := include "twinpath.name" . -}}
{{- range $number := until (int .Values.worker.replicas) }}
http://{{ $name }}-worker-{{ $number }}.{{ $name }}-worker:8000
{{- end }}
{{- end }}

{{/* Whether the router stands before the workers: it refuses to balance over one. */}}
{{- define "twinpath.routed" -}}
{{- if and (eq .Values.engine.kind "workers") .Values.router.enabled (gt (int .Values.worker.replicas) 1) }}true{{ end }}
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

{{- define "twinpath.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Labels and annotations of a part's pods: (dict "root" $ "part" "service"). */}}
{{- define "twinpath.podMetadata" -}}
{{- $part := index .root.Values .part -}}
labels:
  {{- toYaml (merge (include "twinpath.labels" . | fromYaml) ($part.podLabels | default dict) (.root.Values.podLabels | default dict)) | nindent 2 }}
{{- with merge (dict) ($part.podAnnotations | default dict) (.root.Values.podAnnotations | default dict) }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Fields of a part's pods that do not depend on its container: (dict "root" $ "part" "service"). */}}
{{- define "twinpath.podFields" -}}
{{- $values := .root.Values -}}
{{- $part := index $values .part -}}
automountServiceAccountToken: false
enableServiceLinks: false # the service refuses unknown variables TWINPATH_…
{{- with include "twinpath.serviceAccount" .root }}
serviceAccountName: {{ . }}
{{- end }}
{{- with $values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.priorityClassName | default $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- range $field := list "nodeSelector" "affinity" }}
{{- with merge (dict) (index $part $field | default dict) (index $values $field | default dict) }}
{{ $field }}: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with concat ($part.tolerations | default list) ($values.tolerations | default list) }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Variables of a part's container that the values add: (dict "root" $ "part" "service"). */}}
{{- define "twinpath.extraEnv" -}}
{{- with concat ((index .root.Values .part).extraEnv | default list) (.root.Values.extraEnv | default list) }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{- define "twinpath.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "twinpath.name" .) "" .Values.serviceAccount.create) }}
{{- end }}

{{/* OpenShift gives each namespace a user and groups of its own. */}}
{{- define "twinpath.podSecurity" -}}
{{- $context := .Values.podSecurityContext | default dict }}
{{- if .Capabilities.APIVersions.Has "security.openshift.io/v1" }}
{{- $context = omit $context "runAsUser" "runAsGroup" "fsGroup" }}
{{- end }}
{{- toYaml $context }}
{{- end }}
