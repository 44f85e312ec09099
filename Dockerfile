# vmtap's image for nodes of a cluster: an empty base with four static programs. Its
# entry point puts the plugin in place on the node and runs vmtapd; docs/install.md
# says how it is run.
#
#   docker build --build-arg VERSION=$(git describe --tags --always) -t vmtap .
#
# Dockerfile.prebuilt makes the same of what "make build" has made.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS=linux
ARG TARGETARCH
ARG VERSION=unknown
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" \
    -o /out/ ./plugins/vmtap ./cmd/vmtapd ./cmd/vmtapctl ./cmd/vmtap-install

FROM scratch
COPY --from=build /out/vmtap /out/vmtapd /out/vmtapctl /out/vmtap-install /bin/
ENTRYPOINT ["/bin/vmtap-install"]
