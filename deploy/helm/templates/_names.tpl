{{- define "duetkv.name" -}}
{{- if contains "duetkv" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-duetkv" .Release.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "duetkv.selector" -}}
app.kubernetes.io/name: duetkv
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "duetkv.labels" -}}
{{ include "duetkv.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "duetkv.policySecret" -}}
{{ .Values.policy.existingSecret | default (printf "%s-policy" (include "duetkv.name" .)) }}
{{- end }}

{{- define "duetkv.peerSecret" -}}
{{ .Values.peers.existingSecret | default (printf "%s-peers" (include "duetkv.name" .)) }}
{{- end }}
