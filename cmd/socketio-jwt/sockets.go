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
	"socketiojwt/token"
)

// maxText bounds what "say" broadcasts, in characters.
const maxText = 1000

// newSockets returns a server that admits only sockets with a valid token: in the handshake
// of namespace /, and by the event "authenticate" of /admin. If clients of Engine.IO 3 are
// allowed, / also reads the token from the query, because they cannot send it otherwise from
// a browser. Joined may be nil. It also returns the gates of the two, by their modes.
func newSockets(verifier *token.Verifier, sockets socketio.Options, joined *member, log *slog.Logger) (*socketio.Server, map[string]*auth.Gate, error) {
	log = slog.New(subjectHandler{log.Handler()})
	opts := joined.gateOptions(auth.Options{Logger: log, WarnBefore: 30 * time.Second})
	byEvent, err := auth.NewGate(verifier, opts)
	if err != nil {
		return nil, nil, err
	}
	if sockets.Engine.AllowEIO3 {
		opts.Sources = []auth.Source{auth.FromAuth("token"), auth.FromHeader(), auth.FromQuery("token")}
	}
	byHandshake, err := auth.NewGate(verifier, opts)
	if err != nil {
		return nil, nil, err
	}
	sockets.Logger = log
	srv, err := socketio.NewServer(joined.options(sockets))
	if err != nil {
		return nil, nil, err
	}
	admin := srv.Of("/admin")
	srv.Use(byHandshake.Handshake)
	admin.Use(byEvent.Event(auth.EventOptions{}))
	srv.DependsOn(byHandshake)
	admin.DependsOn(byEvent)
	for _, namespace := range []*socketio.Namespace{srv.Namespace, admin} {
		namespace.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
			log.InfoContext(ctx, "admitted", "socket", s, "remote", s.Handshake().RemoteAddr)
			return nil
		})
		namespace.Handle("whoami", socketio.AckFunc(whoami))
		namespace.Handle("echo", echo)
		namespace.Handle("say", socketio.AckFunc(say))
	}
	gates := map[string]*auth.Gate{"handshake": byHandshake, "event": byEvent}
	return srv, gates, joined.share(srv, gates)
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
