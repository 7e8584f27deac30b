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

{{- define "twinpath.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}
