package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"

	"socketiojwt/auth"
	"socketiojwt/engineio"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// maxText bounds what "say" broadcasts, in characters.
const maxText = 1000

// newSockets returns a server that admits only sockets with a good token: by their
// handshake to /, by the event "authenticate" to /admin. Clients of Engine.IO 3, if
// they are let in, have but the query to show a token in when they are in a browser.
func newSockets(verifier *token.Verifier, engine engineio.Options, log *slog.Logger) (*socketio.Server, error) {
	opts := auth.Options{
		OnAdmit: func(ctx context.Context, s *socketio.Socket) {
			log.InfoContext(ctx, "admitted", "socket", s, "remote", s.Handshake().RemoteAddr, "subject", auth.Token(ctx).Subject)
		},
		Logger: log,
	}
	byEvent, err := auth.NewGate(verifier, opts)
	if err != nil {
		return nil, err
	}
	if engine.AllowEIO3 {
		opts.Sources = []auth.Source{auth.FromAuth("token"), auth.FromHeader(), auth.FromQuery("token")}
	}
	byHandshake, err := auth.NewGate(verifier, opts)
	if err != nil {
		return nil, err
	}
	io, err := socketio.NewServer(socketio.Options{Engine: engine, Logger: log})
	if err != nil {
		return nil, err
	}
	admin := io.Of("/admin")
	io.Use(byHandshake.Handshake)
	admin.Use(byEvent.Event)
	io.DependsOn(byHandshake)
	admin.DependsOn(byEvent)
	for _, namespace := range []*socketio.Namespace{io.Namespace, admin} {
		namespace.OnDisconnect(func(ctx context.Context, s *socketio.Socket, reason socketio.Reason) {
			log.InfoContext(ctx, "left", "socket", s, "subject", subjectOf(ctx), "reason", reason)
		})
		namespace.Handle("whoami", socketio.AckFunc(whoami))
		namespace.Handle("echo", echo)
		namespace.Handle("say", socketio.AckFunc(say))
	}
	return io, nil
}

// subjectOf returns the subject of the token of a context, empty if there is none.
func subjectOf(ctx context.Context) string {
	if t := auth.Token(ctx); t != nil {
		return t.Subject
	}
	return ""
}

// whoami acknowledges with the claims of the token that holds now.
func whoami(ctx context.Context, _ *socketio.Socket, _ struct{}) (claims map[string]any, err error) {
	err = auth.Token(ctx).Claims(&claims)
	return claims, err
}

// echo acknowledges with its arguments, binary ones too.
func echo(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
	return e.Ack(e.Args()...)
}

// said is how "say" is acknowledged.
type said struct {
	OK bool `json:"ok"`
}

// say broadcasts "said" to the namespace, the sender included, with the sender's
// subject as its token has it.
func say(ctx context.Context, s *socketio.Socket, text string) (said, error) {
	if strings.TrimSpace(text) == "" || utf8.RuneCountInString(text) > maxText {
		return said{}, &socketio.PublicError{Message: fmt.Sprintf("a text has 1 to %d characters", maxText)}
	}
	err := s.Namespace().Emit("said", auth.Token(ctx).Subject, text)
	return said{err == nil}, err
}
