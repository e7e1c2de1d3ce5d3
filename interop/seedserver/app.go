package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"socketiojwt/auth"
	"socketiojwt/engineio"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// newSockets wires a server as the fixture of that name does.
func newSockets(o options, log *slog.Logger) (*socketio.Server, error) {
	// The secrets of the tests have twenty bytes and five.
	verifier, err := token.NewVerifier(o.keys(), token.Options{InsecureShortSecret: true})
	if err != nil {
		return nil, err
	}
	// The client's second trip shows nothing of the first.
	server, err := socketio.NewServer(socketio.Options{
		Engine: engineio.Options{AllowEIO3: true, Bind: engineio.BindToAddress()},
		Logger: log,
	})
	if err != nil {
		return nil, err
	}
	sources := []auth.Source{auth.FromHeader()}
	if !o.HeaderRequired {
		sources = append(sources, auth.FromAuth("token"), auth.FromQuery("token"))
	}
	gate, err := auth.NewGate(verifier, auth.Options{
		Sources: sources,
		Timeout: time.Duration(o.Timeout) * time.Millisecond,
		Logger:  log,
	})
	if err != nil {
		return nil, err
	}

	switch o.Fixture {
	case "index", "secret_function":
		if o.Handshake {
			server.Use(gate.Handshake)
			break
		}
		server.Use(gate.Event(auth.EventOptions{}))
		server.Handle("echo", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
			if args := e.Args(); len(args) > 0 {
				return s.Emit("echo-response", args[0])
			}
			return s.Emit("echo-response", nil)
		})
	case "namespace":
		server.Open()
		server.OnConnect(say("hi"))
		admin := server.Of("/admin")
		admin.Use(gate.Event(auth.EventOptions{}))
		admin.OnConnect(say("hi admin"))
		adminHandshake := server.Of("/admin_hs")
		adminHandshake.Use(gate.Handshake)
		adminHandshake.OnConnect(say("hi admin"))
	default:
		return nil, fmt.Errorf("no fixture is called %q", o.Fixture)
	}
	return server, nil
}

func say(event string) func(context.Context, *socketio.Socket) error {
	return func(_ context.Context, s *socketio.Socket) error { return s.Emit(event) }
}

// keys returns the one secret, or looks for that of the user whom the token names.
func (o options) keys() token.Keys {
	if o.Secrets == nil {
		return token.Secret(o.Secret)
	}
	return token.KeyFunc(func(_ context.Context, u token.Unverified) (token.Key, error) {
		var id int
		if err := u.Claim("id", &id); err != nil {
			return token.Key{}, err
		}
		secret, ok := o.Secrets[strconv.Itoa(id)]
		if !ok {
			return token.Key{}, token.ErrKeyNotFound
		}
		return token.Secret(secret), nil
	})
}

// login gives a token to any client. It is signed here and not by package mint,
// which signs with no secret as short as these.
func (o options) login(w http.ResponseWriter, r *http.Request) {
	id, secret := 123, o.Secret
	if o.Fixture == "secret_function" {
		var who struct {
			Username string `json:"username"`
		}
		if err := json.NewDecoder(r.Body).Decode(&who); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if who.Username != "valid_signature" {
			id = 555
		}
		secret = o.Secrets["123"]
	}
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"first_name": "John", "last_name": "Doe", "email": "john@doe.com", "id": id,
		"iat": now.Unix(), "exp": now.Add(5 * time.Hour).Unix(),
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode(claims)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(map[string]string{"token": signed + "." + encode(mac.Sum(nil))})
}
