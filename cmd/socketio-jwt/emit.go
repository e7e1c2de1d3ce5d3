package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"socketiojwt/internal/wirejson"
	"socketiojwt/redisbus"
)

// emitCommand sends an event to sockets.
type emitCommand struct {
	redisServer
	operatorSecret
	Server     string   `placeholder:"URL" help:"Send by the API of operators at this address, which serve opens with --admin, instead of by Redis."`
	AdminToken *string  `env:"SOCKETIO_JWT_ADMIN_TOKEN" placeholder:"TOKEN" help:"With --server: token that may publish, or - to read it from standard input. Without it the command signs one by the secret of operators."`
	User       []string `sep:"none" placeholder:"SUB" help:"With --server: only sockets of this user. May be repeated."`
	Issuer     string   `placeholder:"ISS" help:"Issuer of the users of --user. Default: tokens without iss."`

	Namespace string        `default:"/" placeholder:"NAME" help:"Namespace of the sockets. Default: ${default}."`
	Room      []string      `sep:"none" placeholder:"ROOM" help:"Only sockets in this room, which may be the id of a socket. May be repeated: then in any of them. Without it, all sockets."`
	Except    []string      `sep:"none" placeholder:"ROOM" help:"No sockets in this room. May be repeated."`
	Volatile  bool          `help:"Drop the event for sockets that cannot be written to at once."`
	Timeout   time.Duration `default:"5s" help:"How long Redis or the server may take. Default: ${default}."`
	JSON      bool          `name:"json" help:"Print JSON."`
	Event     string        `arg:"" placeholder:"EVENT" help:"Name of the event."`
	Args      []string      `arg:"" optional:"" placeholder:"JSON" help:"Arguments of the event, each as JSON, or - to read one from standard input."`
}

// Help is shown by --help.
func (emitCommand) Help() string {
	return `Sends an event through Redis to the sockets of a cluster: of nodes that run serve --redis, and of Node servers with the Redis adapter of --redis-wire. With --server it sends it by the API of operators of a server, with or without Redis. Nothing is known about the sockets that receive it, and it is not an error if there are none. By Redis, it is an error if no node hears the event, for example because the nodes use another --redis-wire.

A string needs its quotes, also within those of the shell: '"text"'. An argument may be a negative number if -- is before the name of the event.

Examples:

    export SOCKETIO_JWT_REDIS=redis://localhost:6379
    socketio-jwt emit restart '{"inMinutes": 5}'
    socketio-jwt emit --namespace /admin --room lobby --except muted news '"hello"' 3
    date -Is | jq -R . | socketio-jwt emit clock -
    socketio-jwt emit --room weather -- temperature -7.5
    SOCKETIO_JWT_ADMIN_SECRET=... socketio-jwt emit --server http://localhost:9001 \
        --issuer https://issuer.example --user ada news '"hello"'`
}

// Run sends the event.
func (c *emitCommand) Run(ctx context.Context, t terminal) error {
	args, err := c.arguments(ctx, t)
	if err != nil {
		return err
	}
	if c.Server != "" {
		return c.byServer(ctx, t, args)
	}
	if len(c.User) > 0 || c.Issuer != "" || c.AdminToken != nil && os.Getenv("SOCKETIO_JWT_ADMIN_TOKEN") == "" {
		return errors.New("--user, --issuer and --admin-token have no effect without --server URL")
	}
	emitter, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer emitter.Close()
	to := emitter.Of(c.Namespace).Except(c.Except...)
	if len(c.Room) > 0 {
		to = to.To(c.Room...)
	}
	if c.Volatile {
		to = to.Volatile()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, errors.New("Redis did not answer within --timeout"))
	defer cancel()
	if err := to.Emit(ctx, c.Event, args...); err != nil {
		return err
	}
	if err := emitter.Heard(ctx, c.Namespace); errors.Is(err, redisbus.ErrNotHeard) { // another error means that Redis did not say it
		return fmt.Errorf("the event was sent, and no node hears it: %w (--redis-wire, --redis-prefix, --namespace)", err)
	}
	return c.printSent(t)
}

func (c *emitCommand) printSent(t terminal) error {
	if c.JSON {
		return printJSON(t.out, map[string]bool{"sent": true})
	}
	_, err := fmt.Fprintln(t.out, "sent")
	return err
}

// selected is a selection of the API.
type selected struct {
	All   bool        `json:"all,omitzero"`
	Rooms []string    `json:"rooms,omitempty"`
	Users []userOfAPI `json:"users,omitempty"`
}

type userOfAPI struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
}

// byServer sends the event by the API of operators.
func (c *emitCommand) byServer(ctx context.Context, t terminal, args []any) error {
	if c.Timeout <= 0 {
		return errors.New("--timeout must be positive")
	}
	if c.Issuer != "" && len(c.User) == 0 {
		return errors.New("--issuer has no effect without --user")
	}
	to := selected{All: len(c.Room)+len(c.User) == 0, Rooms: c.Room}
	for _, subject := range c.User {
		to.Users = append(to.Users, userOfAPI{c.Issuer, subject})
	}
	body := struct {
		Namespace string   `json:"namespace"`
		To        selected `json:"to"`
		Except    selected `json:"except"`
		Event     string   `json:"event"`
		Args      []any    `json:"args"`
		Volatile  bool     `json:"volatile"`
	}{c.Namespace, to, selected{Rooms: c.Except}, c.Event, append([]any{}, args...), c.Volatile}
	client := operatorClient{Server: c.Server, AdminToken: c.AdminToken, operatorSecret: c.operatorSecret, scope: publishScope}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, errors.New("the server did not answer within --timeout"))
	defer cancel()
	if err := client.call(ctx, t, http.MethodPost, "/emit", nil, body, nil); err != nil {
		return err
	}
	return c.printSent(t)
}

// arguments reads the arguments of the event.
func (c *emitCommand) arguments(ctx context.Context, t terminal) (args []any, err error) {
	read := false
	for i, arg := range c.Args {
		text := []byte(arg)
		if arg == "-" {
			if read {
				return nil, errors.New("only one argument of the event can be read from standard input")
			}
			read = true
			if text, err = readInput(ctx, t.in); err != nil {
				return nil, fmt.Errorf("reading an argument from standard input: %w", err)
			}
		}
		if !wirejson.Valid(text) {
			return nil, fmt.Errorf(`argument %d of the event is not JSON; a string needs quotes within those of the shell: '"text"'`, i+1)
		}
		args = append(args, json.RawMessage(text))
	}
	return args, nil
}

// connect connects to Redis.
func (c *emitCommand) connect(ctx context.Context) (*redisbus.Emitter, error) {
	switch {
	case c.Redis == "":
		return nil, errors.New("--redis URL, or the variable SOCKETIO_JWT_REDIS, must name the Redis of the nodes")
	case !strings.HasPrefix(c.Namespace, "/"):
		return nil, fmt.Errorf("--namespace %s: a namespace begins with a slash", c.Namespace)
	case c.Timeout <= 0:
		return nil, errors.New("--timeout must be positive")
	}
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, errors.New("Redis did not answer within --timeout"))
	defer cancel()
	emitter, err := redisbus.NewEmitter(ctx, client, redisbus.EmitterOptions{Wire: wires[c.RedisWire], Prefix: c.RedisPrefix})
	if err != nil {
		return nil, fmt.Errorf("--redis: %w", err)
	}
	return emitter, nil
}
