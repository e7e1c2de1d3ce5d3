package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"socketiojwt/auth"
	"socketiojwt/engineio"
	"socketiojwt/socketio"
	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// app is a server with gates in front of its namespaces.
type app struct {
	srv     *socketio.Server
	keys    *jwks.Set             // nil without -keys
	fresh   map[string]*auth.Gate // by namespace
	waiting waitingRoom
	busy    busy
}

// long is a deadline that no test reaches, on a busy machine either.
const long = 10 * time.Minute

// brief is the limit in which a token without a key is refused. On a busy machine the token must arrive before.
const brief = 4 * time.Second

func newApp(o options) (*app, error) {
	verifier, err := token.NewVerifier(token.Secret(o.secret), token.Options{
		Issuers:   []string{o.issuer},
		Audiences: []string{o.audience},
		Leeway:    o.leeway,
	})
	if err != nil {
		return nil, err
	}
	server := socketio.Options{
		Engine: engineio.Options{
			Origins:           o.origins,
			InsecureAnyOrigin: o.insecureAnyOrigin,
			CORS:              engineio.CORS{Credentials: len(o.origins) > 0 && !o.eio3}, // the old clients get it unasked
			AllowEIO3:         o.eio3,
			PerMessageDeflate: o.deflate,
			SharedWait:        o.sharedWait,
			PingInterval:      o.heartbeat,
			PingTimeout:       5 * o.heartbeat,
		},
		ConnectTimeout: long, // some tests hold sockets, on a busy machine too
		Logger:         o.log,
	}
	var sources []auth.Source // the usual ones
	if o.eio3 {
		// Some of the clients show nothing when they connect.
		server.Engine.Bind = engineio.BindToAddress()
		sources = []auth.Source{auth.FromAuth("token"), auth.FromHeader(), auth.FromQuery("token")}
	}
	if o.clientFiles != "" {
		server.ClientFiles = os.DirFS(o.clientFiles)
	}
	a := &app{}
	if a.srv, err = socketio.NewServer(server); err != nil {
		return nil, err
	}

	ofTheToken, err := token.NewVerifier(a.doAsToldBy(token.Secret(o.secret)), token.Options{Leeway: o.leeway})
	if err != nil {
		return nil, err
	}

	guarded := func(verifier *token.Verifier, name string, mode func(*auth.Gate) socketio.ConnectMiddleware, opts auth.Options) error {
		opts.Logger = o.log
		opts.Authorize = auth.Check(a.authorize)
		gate, err := auth.NewGate(verifier, opts)
		if err != nil {
			return err
		}
		n := a.srv.Of(name)
		n.Use(mode(gate))
		n.DependsOn(gate)
		setUp(n)
		return nil
	}
	if o.keys != "" {
		if err := a.guardByIssuer(o, guarded); err != nil {
			return nil, err
		}
	}
	if o.onlyKeys {
		return a, nil
	}
	if err := a.guardFresh(verifier, sources, o); err != nil {
		return nil, err
	}
	gated := func(name string, mode func(*auth.Gate) socketio.ConnectMiddleware, opts auth.Options) error {
		return guarded(verifier, name, mode, opts)
	}
	handshake := func(g *auth.Gate) socketio.ConnectMiddleware { return g.Handshake }
	event := func(opts auth.EventOptions) func(*auth.Gate) socketio.ConnectMiddleware {
		return func(g *auth.Gate) socketio.ConnectMiddleware { return g.Event(opts) }
	}
	var usual auth.EventOptions
	if o.openRoot {
		setUp(a.srv.Of("/").Open())
	} else if err := gated("/", handshake, auth.Options{Sources: sources, Timeout: long}); err != nil {
		return nil, err
	}
	for _, err := range []error{
		gated("/second", handshake, auth.Options{Sources: sources, Timeout: long}),
		gated("/guests", handshake, auth.Options{Sources: sources, Guests: &auth.GuestOptions{}, Timeout: long}),
		gated("/cookie", handshake, auth.Options{Sources: []auth.Source{auth.FromCookie("token")}, Timeout: long}),
		gated("/admin", event(auth.EventOptions{Grace: long}), auth.Options{Timeout: long}),
		gated("/admin-second", event(usual), auth.Options{Timeout: long}),
		gated("/brief", event(usual), auth.Options{Timeout: 500 * time.Millisecond}),
		gated("/impatient", event(usual), auth.Options{Timeout: 8 * time.Second}),
		gated("/grace", event(auth.EventOptions{Grace: 300 * time.Millisecond}), auth.Options{Timeout: long}),
		gated("/busy", handshake, auth.Options{Sources: sources, Timeout: long}),
		gated("/busy-event", event(usual), auth.Options{Timeout: long}),
		gated("/full", event(auth.EventOptions{MaxHeld: 1}), auth.Options{Timeout: long}),
		gated("/twice", event(auth.EventOptions{Attempts: 2}), auth.Options{Timeout: long}),
		guarded(ofTheToken, "/keys", handshake, auth.Options{Sources: sources, Timeout: long}),
		guarded(ofTheToken, "/keys-event", event(usual), auth.Options{Timeout: long}),
		guarded(ofTheToken, "/keys-brief", handshake, auth.Options{Sources: sources, Timeout: brief}),
		guarded(ofTheToken, "/keys-brief-event", event(usual), auth.Options{Timeout: brief}),
		a.guardRights(o, verifier, sources),
		a.guardLifetime(o, verifier, sources),
	} {
		if err != nil {
			return nil, err
		}
	}
	return a, nil
}

// guardByIssuer puts gates that know keys by their URL before two namespaces.
func (a *app) guardByIssuer(o options, guarded func(*token.Verifier, string, func(*auth.Gate) socketio.ConnectMiddleware, auth.Options) error) (err error) {
	if a.keys, err = jwks.New(o.keys, jwks.Options{Logger: o.log}); err != nil {
		return err
	}
	verifier, err := token.NewVerifier(a.keys, token.Options{Issuers: []string{o.issuer}, Audiences: []string{o.audience}})
	if err != nil {
		return err
	}
	return errors.Join(
		guarded(verifier, "/issuer", func(g *auth.Gate) socketio.ConnectMiddleware { return g.Handshake }, auth.Options{Timeout: long}),
		guarded(verifier, "/issuer-event", func(g *auth.Gate) socketio.ConnectMiddleware { return g.Event(auth.EventOptions{}) }, auth.Options{Timeout: long}),
	)
}

func (a *app) close() {
	if a.keys != nil {
		_ = a.keys.Close()
	}
}

// authorize holds up a token with the claim `wait` until a test releases it, and refuses
// one with the claim `busy` temporarily, as often as the claim `times` says.
func (a *app) authorize(ctx context.Context, t *token.Token, _ *socketio.Handshake) error {
	if err := a.busy.refuse(t); err != nil {
		return err
	}
	var name string
	if err := t.Claim("wait", &name); err != nil || name == "" {
		return nil
	}
	return a.waiting.wait(ctx, name)
}

// doAsToldBy returns the worst of key functions: one that panics, or does not come
// back before a test says so, as the claims of the unverified token want it.
func (a *app) doAsToldBy(key token.Key) token.KeyFunc {
	return func(ctx context.Context, u token.Unverified) (token.Key, error) {
		var wanted struct {
			Panic bool   `json:"panic"`
			Hang  string `json:"hang"`
		}
		if err := u.Claims(&wanted); err != nil {
			return token.Key{}, err
		}
		if wanted.Panic {
			panic("as told")
		}
		if wanted.Hang != "" {
			_ = a.waiting.wait(context.WithoutCancel(ctx), wanted.Hang)
		}
		return key, nil
	}
}

// seen is the numbers that a socket has sent by "seq".
var seen = socketio.NewKey[[]int]()

type part struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

type parts struct {
	Parts []part `json:"parts"`
}

// subject says whom a handler works for.
func subject(ctx context.Context) string {
	if t := auth.Token(ctx); t != nil {
		return t.Subject
	}
	return "guest"
}

// whoami acknowledges with the claims of the token.
func whoami(ctx context.Context, _ *socketio.Socket, _ struct{}) (claims map[string]any, err error) {
	if t := auth.Token(ctx); t != nil {
		err = t.Claims(&claims)
	}
	return claims, err
}

// setUp registers what an admitted socket can do.
func setUp(n *socketio.Namespace) {
	n.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
		if err := s.Join("lobby"); err != nil {
			return err
		}
		return s.Emit("welcome", subject(ctx))
	})
	n.Handle("whoami", socketio.AckFunc(whoami))
	n.Handle("echo", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
		return e.Ack(e.Args()...)
	})
	n.Handle("say", func(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
		said := append([]any{subject(ctx)}, e.Args()...)
		if err := s.Namespace().Emit("said", said...); err != nil {
			return err
		}
		return e.Ack()
	})
	n.Handle("seq", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
		var number int
		if err := e.Scan(&number); err != nil {
			return err
		}
		numbers, _ := seen.Value(s)
		seen.Set(s, append(numbers, number))
		return e.Ack()
	})
	n.Handle("seq-all", socketio.AckFunc(func(_ context.Context, s *socketio.Socket, _ struct{}) ([]int, error) {
		numbers, _ := seen.Value(s)
		return numbers, nil
	}))
	// It asks the peer what the peer asked, and waits for the answer where it stands: in the handler.
	n.Handle("mirror", func(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		answer, err := s.EmitWithAck(ctx, "question", e.Args()...)
		if err != nil {
			return err
		}
		return e.Ack(answer.Args()...)
	})
	n.Handle("reverse", socketio.AckFunc(func(_ context.Context, _ *socketio.Socket, in parts) (parts, error) {
		slices.Reverse(in.Parts)
		for _, p := range in.Parts {
			slices.Reverse(p.Data)
		}
		return in, nil
	}))
}
