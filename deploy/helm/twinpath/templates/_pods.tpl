{{/* Labels and annotations of a part's pods: (dict "root" $ "part" "service"). */}}
{{- define "twinpath.podMetadata" -}}
{{- $part := index .root.Values .part -}}
labels: {{- toYaml (merge (include "twinpath.podLabels" . | fromYaml) ($part.podLabels | default dict) (.root.Values.podLabels | default dict)) | nindent 2 }}
{{- with merge (dict) ($part.podAnnotations | default dict) (.root.Values.podAnnotations | default dict) (.root.Values.commonAnnotations | default dict) }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Fields of all pods: their account, secrets, and freedom from the cluster's variables. */}}
{{- define "twinpath.podBase" -}}
automountServiceAccountToken: false
enableServiceLinks: false # the service refuses unknown variables TWINPATH_…
{{- with include "twinpath.serviceAccount" . }}
serviceAccountName: {{ . }}
{{- end }}
{{- $secrets := list }}
{{- range concat (.Values.imagePullSecrets | default list) (.Values.global.imagePullSecrets | default list) }}
{{- $secrets = append $secrets (ternary (dict "name" .) . (kindIs "string" .)) }}
{{- end }}
{{- with uniq $secrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Fields of a part's pods that the values give: (dict "root" $ "part" "service"). */}}
{{- define "twinpath.podFields" -}}
{{- $values := .root.Values -}}
{{- $part := index $values .part -}}
{{- include "twinpath.podBase" .root }}
{{- range $field := list "priorityClassName" "schedulerName" "runtimeClassName" }}
{{- with index $part $field | default (index $values $field) }}
{{ $field }}: {{ . }}
{{- end }}
{{- end }}
{{- range $field := list "nodeSelector" "affinity" }}
{{- with merge (dict) (index $part $field | default dict) (index $values $field | default dict) }}
{{ $field }}: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with concat ($part.tolerations | default list) ($values.tolerations | default list) }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "twinpath.joined" (merge (dict "field" "initContainers" "key" "name") .) }}
initContainers: {{- . | nindent 2 }}
{{- end }}
{{- with include "twinpath.joined" (merge (dict "field" "topologySpreadConstraints" "key" "topologyKey") .) }}
topologySpreadConstraints:
{{- range fromYamlArray . }}
{{- $selector := .labelSelector | default (dict "matchLabels" (include "twinpath.selector" $ | fromYaml)) }}
{{- toYaml (list (merge (dict "labelSelector" $selector) .)) | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* List of the chart's own entries, of those for all pods, and of the part's. Of entries with the same key only the last
     remains, because a server-side apply refuses two; a spread's key has a second field. (dict "root" $ "part" "service"
     "field" "extraEnv" "key" "name" "own" "YAML of a list"). */}}
{{- define "twinpath.joined" -}}
{{- $joined := list }}
{{- $seen := dict }}
{{- $values := .root.Values }}
{{- $own := .own | default "[]" | fromYamlArray }}
{{- range concat $own (index $values .field | default list) (index $values .part .field | default list) | reverse }}
{{- $id := pick . $.key "whenUnsatisfiable" | toJson }}
{{- if not (hasKey $seen $id) }}
{{- $_ := set $seen $id true }}
{{- $joined = prepend $joined . }}
{{- end }}
{{- end }}
{{- with $joined }}{{ toYaml . }}{{ end }}
{{- end }}

{{/* A container's `envFrom` and probes: (dict "root" $ "part" "service" "ready" "/ready"). */}}
{{- define "twinpath.containerFields" -}}
{{- $part := index .root.Values .part -}}
{{- with concat (.root.Values.extraEnvFrom | default list) ($part.extraEnvFrom | default list) }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $probe, $path := dict "startupProbe" "/health" "readinessProbe" .ready "livenessProbe" "/health" }}
{{- with index $part $probe }}
{{- $own := or .httpGet .exec .tcpSocket .grpc }}
{{ $probe }}: {{- toYaml (ternary . (merge (dict "httpGet" (dict "path" $path "port" "http")) .) (not (not $own))) | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* Requests and limits of a part's container over defaults, and its GPUs: (dict "root" $ "part" "worker" "gpus" 1 "defaults"
     (dict "limits" …)). Helm removes a null, so that an empty map leaves all of a default out. */}}
{{- define "twinpath.resources" -}}
{{- $resources := deepCopy ((index .root.Values .part).resources | default dict) }}
{{- range $kind, $amounts := .defaults | default dict }}
{{- $given := index $resources $kind | default dict }}
{{- if or $given (not (hasKey $resources $kind)) }}
{{- $_ := set $resources $kind (merge $given $amounts) }}
{{- end }}
{{- end }}
{{- if .gpus }}
{{- $gpus := dict .root.Values.gpuResource (int .gpus) }}
{{- $_ := set $resources "limits" (merge ($resources.limits | default dict) $gpus) }}
{{- end }}
{{- toYaml $resources }}
{{- end }}

{{/* Claim for a part's cache: (dict "root" $ "part" "worker"). */}}
{{- define "twinpath.cacheClaim" -}}
{{- $part := index .root.Values .part -}}
# The cache can be downloaded again, so it ends with the release.
persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete, whenScaled: Retain}
volumeClaimTemplates:
  - metadata:
      name: cache
      labels: {{- include "twinpath.selector" . | nindent 8 }}
    spec:
      accessModes: {{ toJson $part.accessModes }}
      {{- with $part.storageClass }}
      storageClassName: {{ ternary "" . (eq . "-") | quote }}
      {{- end }}
      resources: {requests: {storage: {{ $part.cacheSize }}}}
{{- end }}

{{/* Security context of a pod: (dict "root" $ "context" .Values.podSecurityContext). OpenShift gives each namespace a user and
     groups of its own. */}}
{{- define "twinpath.podSecurity" -}}
{{- $context := .context | default dict }}
{{- if .root.Capabilities.APIVersions.Has "security.openshift.io/v1" }}
{{- $context = omit $context "runAsUser" "runAsGroup" "fsGroup" }}
{{- end }}
{{- toYaml $context }}
{{- end }}
