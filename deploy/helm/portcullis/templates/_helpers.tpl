{{- define "portcullis.labels" -}}
app.kubernetes.io/name: {{ .Values.application.name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: portcullis
{{- end }}

{{- define "portcullis.selector" -}}
app.kubernetes.io/name: {{ .Values.application.name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "portcullis.name" -}}
{{ .Release.Name }}-portcullis
{{- end }}

{{- /* The filter as a native sidecar: put it first among the initContainers of any pod. */ -}}
{{- define "portcullis.container" -}}
- name: portcullis
  image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  # Starts before the application and ends after it, so that no request passes unseen at either end.
  restartPolicy: Always
  args:
    - serve
    - --listen
    - unix:/run/portcullis/filter.sock
    {{- if .Values.port }}
    - --listen
    - "127.0.0.1:{{ .Values.port }}"
    {{- end }}
    - --workers
    - {{ .Values.workers | quote }}
    - --admin
    - "0.0.0.0:{{ .Values.metricsPort }}"
    - --log-format
    - {{ .Values.logFormat }}
    {{- if .Values.policy }}
    - --policy
    - /etc/portcullis/policy/policy.yaml
    {{- end }}
    {{- if or .Values.perimeter .Values.perimeterSecret }}
    - --perimeter
    - /etc/portcullis/perimeter/perimeter.yaml
    {{- end }}
    {{- if .Values.upstream }}
    - --upstream
    - {{ .Values.upstream | quote }}
    {{- end }}
    {{- if .Values.otlp }}
    - --otlp
    - {{ .Values.otlp | quote }}
    {{- end }}
    {{- if .Values.audit.enabled }}
    - --audit
    - /var/log/portcullis
    - --audit-when-full
    - {{ .Values.audit.whenFull }}
    {{- end }}
    {{- range .Values.extraArgs }}
    - {{ . | quote }}
    {{- end }}
  {{- if .Values.secretEnvironment }}
  env:
    {{- range $name, $from := .Values.secretEnvironment }}
    - name: {{ $name }}
      valueFrom: {secretKeyRef: {name: {{ $from.secret }}, key: {{ $from.key }}}}
    {{- end }}
  {{- end }}
  ports:
    - {name: metrics, containerPort: {{ .Values.metricsPort }}}
  # Rules are compiled at the first start; later ones take a second.
  startupProbe: {httpGet: {path: /readyz, port: metrics}, periodSeconds: 1, failureThreshold: 120}
  readinessProbe: {httpGet: {path: /readyz, port: metrics}, periodSeconds: 5}
  livenessProbe: {httpGet: {path: /healthz, port: metrics}, periodSeconds: 10, failureThreshold: 3}
  resources:
    {{- toYaml .Values.resources | nindent 4 }}
  securityContext:
    readOnlyRootFilesystem: true
    allowPrivilegeEscalation: false
    runAsNonRoot: true
    runAsUser: 65532
    capabilities: {drop: [ALL]}
    seccompProfile: {type: RuntimeDefault}
  volumeMounts:
    - {name: portcullis-socket, mountPath: /run/portcullis}
    - {name: portcullis-tmp, mountPath: /tmp}
    {{- if .Values.policy }}
    - {name: portcullis-policy, mountPath: /etc/portcullis/policy, readOnly: true}
    {{- end }}
    {{- if or .Values.perimeter .Values.perimeterSecret }}
    - {name: portcullis-perimeter, mountPath: /etc/portcullis/perimeter, readOnly: true}
    {{- end }}
    {{- if .Values.audit.enabled }}
    - {name: portcullis-audit, mountPath: /var/log/portcullis}
    {{- end }}
{{- end }}

{{- /* The volumes of the container above. */ -}}
{{- define "portcullis.volumes" -}}
- name: portcullis-socket
  emptyDir: {medium: Memory}
- name: portcullis-tmp
  emptyDir: {}
{{- if .Values.policy }}
- name: portcullis-policy
  configMap: {name: {{ include "portcullis.name" . }}}
{{- end }}
{{- if .Values.perimeterSecret }}
- name: portcullis-perimeter
  secret: {secretName: {{ .Values.perimeterSecret }}}
{{- else if .Values.perimeter }}
- name: portcullis-perimeter
  secret: {secretName: {{ include "portcullis.name" . }}}
{{- end }}
{{- if .Values.audit.enabled }}
- name: portcullis-audit
  {{- toYaml .Values.audit.volume | nindent 2 }}
{{- end }}
{{- end }}
