# Debian's nginx, laid out as in nginxinc/nginx-unprivileged.
ARG BASE
FROM ${BASE}
COPY nginx.conf /etc/nginx/nginx.conf
USER 101
STOPSIGNAL SIGQUIT
ENTRYPOINT ["nginx", "-e", "stderr", "-g", "daemon off;"]
