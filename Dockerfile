# syntax=docker/dockerfile:1
# An image with the program and the certificates of public authorities, and no shell:
#
#   docker build -t socketio-jwt .
#   docker run --rm -p 9000:9000 -v ./socketio-jwt.toml:/etc/socketio-jwt/socketio-jwt.toml:ro socketio-jwt
#
# In the configuration addr must be ":9000", because localhost is the container.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH
# With .git, because the program says which commit it was built from.
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=true -ldflags='-s -w' -o /socketio-jwt ./cmd/socketio-jwt

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /socketio-jwt /socketio-jwt
USER 65532:65532
EXPOSE 9000
# With --tls-cert, or another --addr, give the check another URL, such as that of --metrics.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/socketio-jwt", "health", "http://127.0.0.1:9000/health"]
ENTRYPOINT ["/socketio-jwt"]
CMD ["serve", "--config", "/etc/socketio-jwt/socketio-jwt.toml"]
