package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"socketiojwt/socketio"
)

// A node executes commands.
type node struct {
	name  string
	srv   *socketio.Server
	ready chan struct{} // closed when srv is set up

	mu    sync.Mutex // guards noted, and standard output
	noted [][]any    // the server-side events of other nodes
}

// A command is a line of standard input.
type command struct {
	ID        int    `json:"id"`
	Do        string `json:"do"`
	Namespace string `json:"nsp"`
	Rooms     []any  `json:"rooms"`
	Except    []any  `json:"except"`
	Volatile  bool   `json:"volatile"`
	Local     bool   `json:"local"`
	Timeout   int    `json:"timeout"` // milliseconds
	Args      []any  `json:"args"`
	Event     string `json:"event"`
	Join      []any  `json:"join"`
	Leave     []any  `json:"leave"`
	Close     bool   `json:"close"`
}

// command executes a line. Those that wait for other nodes do so in the background.
func (n *node) command(ctx context.Context, line []byte) {
	<-n.ready
	c := command{Namespace: "/"}
	if err := json.Unmarshal(line, &c); err != nil {
		n.answer(0, nil, err)
		return
	}
	switch c.Do {
	case "ask", "fetch", "hello", "nodes":
		go n.execute(ctx, c)
	default:
		n.execute(ctx, c)
	}
}

func (n *node) execute(ctx context.Context, c command) {
	timeout := 20 * time.Second
	if c.Timeout > 0 {
		timeout = time.Duration(c.Timeout) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	value, err := n.do(ctx, c)
	n.answer(c.ID, value, err)
}

func (n *node) answer(id int, value any, err error) {
	line := map[string]any{"id": id, "ok": value}
	if err != nil {
		line = map[string]any{"id": id, "error": err.Error()}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	_ = json.NewEncoder(os.Stdout).Encode(line)
}

func (n *node) do(ctx context.Context, c command) (any, error) {
	to := n.target(c)
	args := unpackAll(c.Args)
	switch c.Do {
	case "emit":
		return nil, to.Emit(args[0].(string), args[1:]...)
	case "ask":
		return ask(ctx, to, args)
	case "join":
		return nil, to.SocketsJoin(texts(c.Join)...)
	case "leave":
		return nil, to.SocketsLeave(texts(c.Leave)...)
	case "disconnect":
		return nil, to.DisconnectSockets(&socketio.Ending{WholeConnection: c.Close})
	case "fetch":
		return fetch(ctx, to)
	case "health":
		return n.srv.Stats().Bus, nil
	case "rooms":
		rooms := []string{}
		for _, s := range to.Sockets() {
			rooms = append(rooms, s.Rooms()...)
		}
		return rooms, nil
	case "note":
		return nil, n.srv.Lookup(c.Namespace).ServerSideEmit("note", args...)
	case "noted":
		n.mu.Lock()
		defer n.mu.Unlock()
		noted := n.noted
		n.noted = nil
		return append([][]any{}, noted...), nil
	case "hello":
		return n.greet(ctx, c, args)
	case "nodes":
		answers, err := n.srv.Lookup(c.Namespace).ServerSideEmitWithAck(ctx, "hello")
		return len(answers) + 1, err
	}
	return nil, fmt.Errorf("no command %q", c.Do)
}

// target returns the broadcast that a command describes.
func (n *node) target(c command) socketio.Broadcast {
	to := n.srv.BroadcastIn(c.Namespace)
	if c.Rooms != nil {
		to = to.To(texts(c.Rooms)...)
	}
	if c.Except != nil {
		to = to.Except(texts(c.Except)...)
	}
	if c.Volatile {
		to = to.Volatile()
	}
	if c.Local {
		to = to.Local()
	}
	return to
}

// outcome is the answer to a command that asks other nodes.
type outcome struct {
	Answers any    `json:"answers,omitempty"`
	Sockets any    `json:"sockets,omitempty"`
	Partial bool   `json:"partial"`
	Error   string `json:"error,omitempty"`
}

// failed adds an error: those of missing answers make the outcome partial.
func (o outcome) failed(err error) (any, error) {
	var partial *socketio.PartialError
	if err == nil {
		return o, nil
	}
	if !errors.As(err, &partial) && !errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	o.Partial, o.Error = true, err.Error()
	return o, nil
}

func ask(ctx context.Context, to socketio.Broadcast, args []any) (any, error) {
	got, err := to.EmitWithAck(ctx, args[0].(string), args[1:]...)
	answers := []any{}
	for _, a := range got.List {
		values, err := pack(a.Arguments)
		if err != nil {
			return nil, err
		}
		answers = append(answers, values[0])
	}
	return outcome{Answers: answers}.failed(err)
}

func fetch(ctx context.Context, to socketio.Broadcast) (any, error) {
	infos, err := to.FetchSockets(ctx)
	type socket struct {
		ID        string                 `json:"id"`
		Node      socketio.NodeID        `json:"node"`
		Rooms     []string               `json:"rooms"`
		Data      json.RawMessage        `json:"data"`
		Handshake socketio.HandshakeInfo `json:"handshake"`
	}
	sockets := []socket{}
	for _, i := range infos {
		sockets = append(sockets, socket{i.ID, i.Node, i.Rooms, i.Data, i.Handshake})
	}
	return outcome{Sockets: sockets}.failed(err)
}

func (n *node) greet(ctx context.Context, c command, args []any) (any, error) {
	if c.Event == "" {
		c.Event = "hello"
	}
	got, err := n.srv.Lookup(c.Namespace).ServerSideEmitWithAck(ctx, c.Event, args...)
	answers := []any{}
	for _, a := range got {
		values, err := pack(a.Arguments)
		if err != nil {
			return nil, err
		}
		answers = append(answers, values[0])
	}
	return outcome{Answers: answers}.failed(err)
}

// note keeps a server-side event of another node.
func (n *node) note(_ context.Context, e *socketio.ServerSideEvent) (any, error) {
	values, err := pack(e.Arguments)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.noted = append(n.noted, values)
	return nil, err
}

// hello answers with the name of this node and the arguments.
func (n *node) hello(_ context.Context, e *socketio.ServerSideEvent) (any, error) {
	return append([]any{n.name}, e.Args()...), nil
}
