package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"socketiojwt/auth"
	"socketiojwt/socketio"
)

// maxText bounds what "say" broadcasts, in characters.
const maxText = 1000

// newSockets makes a server that admits only sockets with a valid token: in the handshake of
// namespace /, and by the event "authenticate" of /admin. If clients of Engine.IO 3 are
// allowed, / also reads the token from the query, because they cannot send it otherwise from
// a browser.
func newSockets(a *assembly) error {
	log := slog.New(subjectHandler{a.log.Handler()})
	opts := a.node.gateOptions(a.gate)
	opts.Logger, opts.WarnBefore = log, 30*time.Second
	byEvent, err := auth.NewGate(a.verifier, opts)
	if err != nil {
		return err
	}
	if a.sockets.Engine.AllowEIO3 {
		opts.Sources = []auth.Source{auth.FromAuth("token"), auth.FromHeader(), auth.FromQuery("token")}
	}
	byHandshake, err := auth.NewGate(a.verifier, opts)
	if err != nil {
		return err
	}
	a.sockets.Logger = log
	a.server, err = socketio.NewServer(a.node.options(a.sockets))
	if err != nil {
		return err
	}
	admin := a.server.Of("/admin")
	a.server.Use(byHandshake.Handshake)
	admin.Use(byEvent.Event(auth.EventOptions{}))
	a.server.DependsOn(byHandshake)
	admin.DependsOn(byEvent)
	for _, namespace := range []*socketio.Namespace{a.server.Namespace, admin} {
		namespace.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
			log.InfoContext(ctx, "admitted", "socket", s, "remote", s.Handshake().RemoteAddr)
			return nil
		})
		for _, handle := range a.handlers {
			handle(namespace)
		}
	}
	a.gates = map[string]*auth.Gate{"handshake": byHandshake, "event": byEvent}
	return a.node.share(a.server, a.gates)
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

// whoami acknowledges with the claims of the current token.
func whoami(ctx context.Context, _ *socketio.Socket, _ struct{}) (claims map[string]any, err error) {
	err = auth.Token(ctx).Claims(&claims)
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
	err := s.Namespace().Emit("said", auth.Token(ctx).Subject, text)
	return said{err == nil}, err
}
