package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/upstream"
)

// upstreamWebhook holds the flags of serve for a backend that is asked about sockets and events.
type upstreamWebhook struct {
	UpstreamWebhook     string        `env:"SOCKETIO_JWT_UPSTREAM_WEBHOOK" group:"Backend" placeholder:"URL" help:"Pass the connects and events of admitted sockets to this URL of an HTTP backend, which decides and answers: see docs/backend.md. There are then no events whoami, echo and say. Needs --upstream-secret-file."`
	UpstreamSecretFile  string        `reload:"" env:"SOCKETIO_JWT_UPSTREAM_SECRET_FILE" group:"Backend" placeholder:"FILE" help:"File with the secret that signs the requests, such as the output of openssl rand -base64 32. It may have several secrets, one a line, while one replaces another. Read again at SIGHUP."`
	UpstreamClaim       []string      `env:"SOCKETIO_JWT_UPSTREAM_CLAIM" group:"Backend" placeholder:"NAME" help:"Claim of the token that the backend gets, besides iss and sub; may be repeated."`
	UpstreamDisconnects bool          `env:"SOCKETIO_JWT_UPSTREAM_DISCONNECTS" group:"Backend" help:"Also tell the backend when a socket has ended."`
	UpstreamTimeout     time.Duration `env:"SOCKETIO_JWT_UPSTREAM_TIMEOUT" group:"Backend" default:"5s" help:"How long the backend may take to answer. Default: ${default}."`
	UpstreamMaxRequests int           `env:"SOCKETIO_JWT_UPSTREAM_MAX_REQUESTS" group:"Backend" default:"64" placeholder:"N" help:"How many events the backend handles at a time, and how many connects. Further ones wait. Default: ${default}."`

	InsecureUpstreamPlainHTTP bool `name:"insecure-upstream-plain-http" env:"SOCKETIO_JWT_INSECURE_UPSTREAM_PLAIN_HTTP" group:"Backend" help:"Let --upstream-webhook be an http:// URL of another machine: anyone on the network path can read the events and answer them."`
}

// check implements part.
func (u *upstreamWebhook) check(*serveCommand) error {
	if u.UpstreamWebhook == "" {
		return nil
	}
	if err := joined(positive("--upstream-timeout", u.UpstreamTimeout), u.checkRequests()); err != nil {
		return err
	}
	_, err := u.backend(upstream.Options{Logger: silent})
	return err
}

func (u *upstreamWebhook) checkRequests() error {
	if u.UpstreamMaxRequests < 1 {
		return errors.New("--upstream-max-requests must be positive")
	}
	return nil
}

// secrets reads the secrets.
func (u *upstreamWebhook) secrets() ([]string, error) {
	if u.UpstreamSecretFile == "" {
		return nil, errors.New("--upstream-webhook needs --upstream-secret-file, with the secret that signs the requests, such as the output of openssl rand -base64 32")
	}
	text, err := os.ReadFile(u.UpstreamSecretFile)
	if err != nil {
		return nil, fmt.Errorf("--upstream-secret-file: %w", err)
	}
	return strings.Fields(string(text)), nil
}

// backend returns a backend, which has asked nothing yet.
func (u *upstreamWebhook) backend(opts upstream.Options) (*upstream.Backend, error) {
	var err error
	if opts.Secrets, err = u.secrets(); err != nil {
		return nil, err
	}
	opts.Claims, opts.Disconnects, opts.InsecurePlainHTTP = u.UpstreamClaim, u.UpstreamDisconnects, u.InsecureUpstreamPlainHTTP
	opts.Timeout, opts.MaxRequests = u.UpstreamTimeout, u.UpstreamMaxRequests
	backend, err := upstream.New(u.UpstreamWebhook, opts)
	if err != nil {
		return nil, fmt.Errorf("--upstream-webhook, --upstream-secret-file: %s", strings.NewReplacer("upstream: ", "", "Options.InsecurePlainHTTP", "--insecure-upstream-plain-http").Replace(err.Error()))
	}
	return backend, nil
}

// start implements part. Without a backend, the sockets have the events of the sample.
func (u *upstreamWebhook) start(ctx context.Context, a *assembly) error {
	if u.UpstreamWebhook == "" {
		return startSample(ctx, a)
	}
	opts := a.asking
	opts.Logger, opts.Reserved = a.log, a.declares
	backend, err := u.backend(opts)
	if err != nil {
		return err
	}
	a.backend = backend
	a.handlers = append(a.handlers, func(namespace *socketio.Namespace) { backend.Register(namespace.Mux) })
	a.closing(func() { // after the sockets have ended, so that the backend is told about the last ones
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.command.ShutdownTimeout)
		defer cancel()
		backend.Close(ending)
	})
	a.reloading("--upstream-secret-file", func(_ context.Context, next *serveCommand) (apply func(), err error) {
		secrets, err := next.secretsOfBackend()
		if err != nil || secrets == nil {
			return nil, err
		}
		return func() {
			if err := backend.SetSecrets(secrets); err != nil {
				a.log.Error("the secrets of the backend were not changed", "error", err)
			}
		}, nil
	})
	return nil
}

// declares reports whether a room of a namespace follows from tokens. It may be called concurrently
// once the parts have started.
func (a *assembly) declares(namespace, room string) bool {
	return slices.ContainsFunc(a.served, func(n servedNamespace) bool { return n.table.Name == namespace && n.gate.Declares(room) })
}

// secretsOfBackend reads the secrets again. It returns nil without --upstream-webhook.
func (u *upstreamWebhook) secretsOfBackend() ([]string, error) {
	if u.UpstreamWebhook == "" {
		return nil, nil
	}
	return u.secrets()
}
