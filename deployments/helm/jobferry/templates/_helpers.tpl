{{- define "jobferry.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "jobferry.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "jobferry.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "jobferry.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- /* What tells this release's pods from others; it never changes. */ -}}
{{- define "jobferry.selector" -}}
app.kubernetes.io/name: {{ include "jobferry.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "jobferry.labels" -}}
{{ include "jobferry.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "jobferry.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "jobferry.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "jobferry.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end }}

{{- /* The stream of submissions; the names of the others begin with its name. */ -}}
{{- define "jobferry.stream" -}}
{{- .Values.settings.WORKER_SUBJECT_PREFIX | replace "." "_" | upper -}}
{{- end }}

{{- define "jobferry.port" -}}
{{- regexFind "[0-9]+$" .Values.settings.WORKER_HTTP_ADDR -}}
{{- end }}

{{- /* Seconds: the drain timeout, rounded up, and 10 more to take everything down. */ -}}
{{- define "jobferry.gracePeriod" -}}
{{- $start := toDate "2006-01-02" "2000-01-01" -}}
{{- $end := $start | mustDateModify .Values.settings.WORKER_DRAIN_TIMEOUT | mustDateModify "999ms" -}}
{{- add (sub (unixEpoch $end | int64) (unixEpoch $start | int64)) 10 -}}
{{- end }}

{{- /* The environment: settings and files. Takes settings, files and prefix: which variables. */ -}}
{{- define "jobferry.env" -}}
{{- range $name, $value := .settings }}
{{- if and $value (regexMatch $.prefix $name) }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- range $name, $_ := .files }}
{{- if regexMatch $.prefix $name }}
- name: {{ $name }}
  value: /etc/jobferry/{{ $name }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The volume of the files, whole: a file that is mounted by itself is never renewed. */ -}}
{{- define "jobferry.volumes" -}}
{{- $sources := include "jobferry.sources" . -}}
{{- if $sources -}}
volumes:
  - name: files
    projected:
      defaultMode: 0440
      sources:
        {{- $sources | nindent 8 }}
{{- end -}}
{{- end }}

{{- define "jobferry.mounts" -}}
{{- if include "jobferry.sources" . -}}
volumeMounts:
  - {name: files, mountPath: /etc/jobferry, readOnly: true}
{{- end -}}
{{- end }}

{{- define "jobferry.sources" -}}
{{- range $name, $from := .files }}
{{- if regexMatch $.prefix $name }}
- {{ if $from.configMap }}configMap{{ else }}secret{{ end }}:
    name: {{ $from.configMap | default $from.secret }}
    items:
      - {key: {{ $from.key | quote }}, path: {{ $name }}}
{{- end }}
{{- end }}
{{- end }}

{{- define "jobferry.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "jobferry.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
