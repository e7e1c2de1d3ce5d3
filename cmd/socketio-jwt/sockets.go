package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"

	"socketiojwt/auth"
	"socketiojwt/socketio"
)

// maxText bounds what "say" broadcasts, in characters.
const maxText = 1000

// newSockets makes a server that admits only sockets with a token that the gate of their namespace
// accepts, and guests where the configuration allows them.
func newSockets(a *assembly) error {
	log := slog.New(subjectHandler{a.log.Handler()})
	a.sockets.Logger = log
	var err error
	if a.server, err = socketio.NewServer(a.node.options(a.sockets)); err != nil {
		return err
	}
	a.gates = map[string]*auth.Gate{}
	for _, table := range a.command.tables() {
		served, err := a.newNamespace(table, log)
		if err != nil {
			return err
		}
		a.served = append(a.served, served)
		a.gates[table.gate] = served.gate
	}
	return a.node.share(a.server, a.gates)
}

// newNamespace adds a namespace to the server, with its gate.
func (a *assembly) newNamespace(table *namespaceTable, log *slog.Logger) (served servedNamespace, err error) {
	served = servedNamespace{table: table, verifier: a.verifier}
	if table.own() {
		if served.verifier, err = a.ownVerifier(table); err != nil {
			return served, err
		}
	}
	base := a.node.gateOptions(a.gate)
	base.Logger = log
	opts, err := table.options(base, served.verifier.Unwrap().ManyIssuers())
	if err != nil {
		return served, err
	}
	served.gate, err = auth.NewGate(served.verifier, opts)
	if err != nil {
		return served, fmt.Errorf("namespace %s: %w", table.Name, err)
	}
	namespace := a.server.Namespace
	if table.Name != "/" {
		namespace = a.server.Of(table.Name)
	}
	if table.Mode == "event" {
		namespace.Use(served.gate.Event(table.eventOptions()))
	} else {
		namespace.Use(served.gate.Handshake)
	}
	namespace.DependsOn(served.gate)
	namespace.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
		log.InfoContext(ctx, "admitted", "socket", s, "remote", s.Handshake().RemoteAddr)
		return nil
	})
	for _, handle := range a.handlers {
		handle(namespace)
	}
	return served, nil
}

// ownVerifier returns the verifier of a namespace that says itself which tokens are accepted.
func (a *assembly) ownVerifier(table *namespaceTable) (*trusting, error) {
	sets := a.keySets
	sets.Logger = a.log
	first, err := table.trust.rulesOf(sets)
	if err != nil {
		return nil, &problem{table.where, err}
	}
	return a.newTrusting("namespace "+table.Name, first, func(next *serveCommand) (*ruleset, func(), error) {
		is := named(next.tables(), table.Name)
		if is == nil || !is.own() {
			return nil, nil, fmt.Errorf("namespace %s was removed, or has no rules for tokens of its own any more: that needs a restart", table.Name)
		}
		fresh, err := is.trust.rulesOf(sets)
		return fresh, nil, err
	}), nil
}

// startSample adds the events of the sample to each namespace.
func startSample(_ context.Context, a *assembly) error {
	a.handlers = append(a.handlers, func(namespace *socketio.Namespace) {
		namespace.Handle("whoami", socketio.AckFunc(whoami))
		namespace.Handle("echo", echo)
		namespace.Handle("say", socketio.AckFunc(say))
	})
	return nil
}

// subjectHandler adds the subject to the log lines of sockets with a token, including those of
// package socketio.
type subjectHandler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h subjectHandler) Handle(ctx context.Context, r slog.Record) error {
	if t := auth.Token(ctx); t != nil && socketio.FromContext(ctx) != nil { // not the token of an operator
		named := false
		r.Attrs(func(a slog.Attr) bool { named = named || a.Key == "subject"; return !named })
		if !named {
			r = r.Clone()
			r.AddAttrs(slog.String("subject", t.Subject))
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h subjectHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return subjectHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h subjectHandler) WithGroup(name string) slog.Handler {
	return subjectHandler{h.Handler.WithGroup(name)}
}

// whoami acknowledges with the claims of the current token. A guest has none.
func whoami(ctx context.Context, _ *socketio.Socket, _ struct{}) (claims map[string]any, err error) {
	t := auth.Token(ctx)
	if t == nil { // a guest
		return map[string]any{}, nil
	}
	err = t.Claims(&claims)
	return claims, err
}

// echo acknowledges with its arguments, including attachments.
func echo(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
	return e.Ack(e.Args()...)
}

// said is the acknowledgement of "say".
type said struct {
	OK bool `json:"ok"`
}

// say broadcasts "said" to the namespace, including the sender, with the subject of the
// sender's token.
func say(ctx context.Context, s *socketio.Socket, text string) (said, error) {
	if strings.TrimSpace(text) == "" || utf8.RuneCountInString(text) > maxText {
		return said{}, &socketio.PublicError{Message: fmt.Sprintf("a text has 1 to %d characters", maxText)}
	}
	subject := "" // of a guest
	if t := auth.Token(ctx); t != nil {
		subject = t.Subject
	}
	err := s.Namespace().Emit("said", subject, text)
	return said{err == nil}, err
}
