// Emitter sends to a cluster by redisbus.Emitter, for ../cluster-emitter.test.mjs. Its arguments
// are the wire and the addresses of Redis. It prints {} once it is connected, then reads commands as lines of
// JSON from standard input, and answers each with a line {"id"} or {"id","error"}. SIGTERM ends
// it, and so does the end of its standard input.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	"github.com/redis/rueidis"

	"socketiojwt/interop/internal/serving"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
)

var wires = map[string]redisbus.Wire{"classic": redisbus.Classic, "sharded": redisbus.Sharded, "streams": redisbus.Streams}

// A command is a line of standard input.
type command struct {
	ID        int      `json:"id"`
	Do        string   `json:"do"`
	Namespace string   `json:"nsp"`
	Rooms     []string `json:"rooms"`
	Except    []string `json:"except"`
	Volatile  bool     `json:"volatile"`
	Args      []any    `json:"args"` // {"$binary": base64} stands for bytes
	Close     bool     `json:"close"`
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "emitter: the arguments are the wire and the addresses of Redis")
		os.Exit(2)
	}
	emitter := make(chan *redisbus.Emitter, 1)
	run := func(ctx context.Context) error {
		e, err := redisbus.NewEmitter(ctx, rueidis.ClientOption{InitAddress: os.Args[2:]}, redisbus.EmitterOptions{Wire: wires[os.Args[1]]})
		if err != nil {
			return err
		}
		defer e.Close()
		emitter <- e
		fmt.Println("{}")
		<-ctx.Done()
		return nil
	}
	serving.Controlled("emitter", run, func(ctx context.Context, line []byte) {
		e := <-emitter
		emitter <- e
		var c command
		err := json.Unmarshal(line, &c)
		if err == nil {
			err = c.execute(ctx, e)
		}
		answer := map[string]any{"id": c.ID}
		if err != nil {
			answer["error"] = err.Error()
		}
		_ = json.NewEncoder(os.Stdout).Encode(answer)
	})
}

func (c *command) execute(ctx context.Context, e *redisbus.Emitter) error {
	to := e.Of(c.Namespace).Except(c.Except...)
	if c.Rooms != nil {
		to = to.To(c.Rooms...)
	}
	if c.Volatile {
		to = to.Volatile()
	}
	args := unpacked(c.Args).([]any)
	var names []string
	for _, a := range args {
		name, _ := a.(string)
		names = append(names, name)
	}
	switch c.Do {
	case "emit":
		return to.Emit(ctx, names[0], args[1:]...)
	case "join":
		return to.SocketsJoin(ctx, names...)
	case "leave":
		return to.SocketsLeave(ctx, names...)
	case "disconnect":
		return to.DisconnectSockets(ctx, &socketio.Ending{WholeConnection: c.Close})
	case "note":
		return to.ServerSideEmit(ctx, "note", args...)
	}
	return fmt.Errorf("no command %q", c.Do)
}

// unpacked returns a value of a command with its bytes.
func unpacked(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = unpacked(v[i])
		}
	case map[string]any:
		if text, ok := v["$binary"].(string); ok {
			data, _ := base64.StdEncoding.DecodeString(text)
			return data
		}
		for name := range v {
			v[name] = unpacked(v[name])
		}
	}
	return value
}
