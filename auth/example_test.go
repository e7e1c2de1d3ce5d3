package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// serve runs a server for an example until stop is called.
func serve(srv *socketio.Server) (url string, stop func()) {
	handler, err := srv.Handler()
	check(err)
	web := httptest.NewServer(handler)
	return web.URL, func() { _ = srv.Close(); web.Close() }
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// issuer returns a new key and a verifier for the tokens that it signs. In a real program the
// key belongs to the login, or the verifier gets its keys from an issuer.
func issuer() (mint.SigningKey, *token.Verifier) {
	key, err := mint.Generate(token.HS256)
	check(err)
	verifier, err := token.NewVerifier(key.Key(), token.Options{})
	check(err)
	return key, verifier
}

// tokenFor returns a token as the issuer sends it to a user who has logged in.
func tokenFor(name string, key mint.SigningKey) string {
	compact, err := mint.Sign(key, map[string]any{"sub": name, "exp": time.Now().Add(time.Hour).Unix()}, mint.Header{})
	check(err)
	return compact
}

func ExampleGate_Handshake() {
	key, verifier := issuer()
	gate, err := auth.NewGate(verifier, auth.Options{})
	check(err)

	srv, err := socketio.NewServer(socketio.Options{})
	check(err)
	srv.Use(gate.Handshake)
	srv.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
		return s.Emit("hello", auth.Token(ctx).Subject)
	})
	url, stop := serve(srv)
	defer stop()

	// const socket = io(url, { auth: { token } })
	ctx := context.Background()
	peer, err := sockettest.Dial(ctx, url, sockettest.Options{Auth: map[string]any{"token": tokenFor("ada", key)}})
	check(err)
	defer peer.Close()
	hello, err := peer.Expect(ctx, "hello")
	check(err)
	var name string
	check(hello.Scan(&name))
	fmt.Println("hello", name)

	_, err = sockettest.Dial(ctx, url, sockettest.Options{Auth: map[string]any{"token": "guesswork"}})
	var refused *sockettest.ConnectError
	fmt.Println(errors.As(err, &refused), refused.Message)

	// Output:
	// hello ada
	// true jwt malformed
}

func ExampleGate_Event() {
	key, verifier := issuer()
	gate, err := auth.NewGate(verifier, auth.Options{})
	check(err)

	srv, err := socketio.NewServer(socketio.Options{})
	check(err)
	srv.Use(gate.Event(auth.EventOptions{Attempts: 2}))
	srv.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
		return s.Emit("hello", auth.Token(ctx).Subject)
	})
	url, stop := serve(srv)
	defer stop()

	// socket.on("connect", () => socket.emit("authenticate", { token }))
	ctx := context.Background()
	peer, err := sockettest.Dial(ctx, url, sockettest.Options{})
	check(err)
	defer peer.Close()
	for _, compact := range []string{"guesswork", tokenFor("ada", key)} {
		check(peer.Emit("authenticate", map[string]any{"token": compact}))
		answer, err := peer.Next(ctx)
		check(err)
		fmt.Println(answer.Name)
	}
	hello, err := peer.Expect(ctx, "hello")
	check(err)
	var name string
	check(hello.Scan(&name))
	fmt.Println("hello", name)

	// Output:
	// unauthorized
	// authenticated
	// hello ada
}

// A client in Go recognizes a refusal and reads its reason.
func ExampleParseRefusal() {
	_, verifier := issuer()
	gate, err := auth.NewGate(verifier, auth.Options{})
	check(err)
	srv, err := socketio.NewServer(socketio.Options{})
	check(err)
	srv.Use(gate.Handshake)
	url, stop := serve(srv)
	defer stop()

	_, err = sockettest.Dial(context.Background(), url, sockettest.Options{Auth: map[string]any{"token": "guesswork"}})
	var refused *sockettest.ConnectError
	if errors.As(err, &refused) {
		if told, ok := auth.ParseRefusal(refused.Data); ok {
			fmt.Println(told.Code, told.Reason == auth.ReasonTokenMalformed)
		}
	}

	// Output:
	// invalid_token true
}

// Authorize refuses users that the program does not know, and passes the account of the
// others to the handlers.
func ExampleNewGate() {
	type account struct{ Name, Role string }
	accounts := map[string]*account{"ada": {"Ada", "writer"}}
	user := auth.NewUser[*account]()

	key, verifier := issuer()
	gate, err := auth.NewGate(verifier, auth.Options{
		Authorize: user.By(func(_ context.Context, t *token.Token, _ *socketio.Handshake) (*account, error) {
			a, ok := accounts[t.Subject]
			if !ok {
				return nil, errors.New("no such user") // for the log; the peer is told "not authorized"
			}
			return a, nil
		}),
	})
	check(err)

	srv, err := socketio.NewServer(socketio.Options{})
	check(err)
	srv.Use(gate.Handshake)
	srv.Handle("role", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, _ struct{}) (string, error) {
		return user.From(ctx).Role, nil
	}))
	url, stop := serve(srv)
	defer stop()

	ctx := context.Background()
	for _, name := range []string{"ada", "eve"} {
		peer, err := sockettest.Dial(ctx, url, sockettest.Options{Auth: map[string]any{"token": tokenFor(name, key)}})
		var refused *sockettest.ConnectError
		if errors.As(err, &refused) {
			told, _ := auth.ParseRefusal(refused.Data)
			fmt.Println(name, told.Reason == auth.ReasonNotAuthorized, refused.Message)
			continue
		}
		check(err)
		answer, err := peer.EmitWithAck(ctx, "role")
		check(err)
		var role string
		check(answer.Scan(&role))
		fmt.Println(name, role)
		_ = peer.Close()
	}

	// Output:
	// ada writer
	// eve true not authorized
}

// An ordinary HTTP route accepts the same tokens as the sockets.
func ExampleGate_HTTP() {
	key, verifier := issuer()
	gate, err := auth.NewGate(verifier, auth.Options{Logger: slog.New(slog.DiscardHandler)})
	check(err)

	mux := http.NewServeMux()
	mux.Handle("GET /me", gate.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "hello ", auth.Token(r.Context()).Subject)
	})))
	web := httptest.NewServer(mux)
	defer web.Close()

	ask := func(authorization string) {
		r, err := http.NewRequest(http.MethodGet, web.URL+"/me", nil)
		check(err)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		response, err := http.DefaultClient.Do(r)
		check(err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		check(err)
		if refused, ok := auth.ParseRefusal(body); ok {
			fmt.Println(response.StatusCode, refused.Reason)
			fmt.Println(response.Header.Get("WWW-Authenticate"))
			return
		}
		fmt.Println(response.StatusCode, string(body))
	}
	ask("Bearer " + tokenFor("ada", key))
	ask("Bearer guesswork")
	ask("")

	// Output:
	// 200 hello ada
	// 401 token_malformed
	// Bearer realm="socketio-jwt", error="invalid_token", error_description="jwt malformed"
	// 401 token_missing
	// Bearer realm="socketio-jwt"
}
