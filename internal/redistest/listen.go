package redistest

import (
	"strconv"
	"strings"
	"time"
)

// A Message is what a Subscription receives.
type Message struct{ Channel, Payload string }

// A Subscription is a connection that receives messages, for example to see exact bytes, or to be
// a subscriber that never answers.
type Subscription struct {
	server   *Server
	conn     *conn
	messages chan Message
	done     chan struct{}
}

// Subscribe subscribes a connection of its own to channels. It returns when Redis has confirmed
// them. The subscription ends with the test.
func (s *Server) Subscribe(channels ...string) *Subscription {
	s.t.Helper()
	return s.subscribe("SUBSCRIBE", channels)
}

// SubscribePattern is Subscribe for patterns.
func (s *Server) SubscribePattern(patterns ...string) *Subscription {
	s.t.Helper()
	return s.subscribe("PSUBSCRIBE", patterns)
}

// ShardSubscribe is Subscribe for sharded channels, which must be in the same slot on a Redis
// Cluster.
func (s *Server) ShardSubscribe(channels ...string) *Subscription {
	s.t.Helper()
	return s.subscribe("SSUBSCRIBE", channels)
}

func (s *Server) subscribe(command string, channels []string) *Subscription {
	s.t.Helper()
	sub := &Subscription{server: s, conn: s.dial(), messages: make(chan Message, 100_000), done: make(chan struct{})}
	if err := sub.conn.send(append([]string{command}, channels...)); err != nil {
		s.t.Fatalf("redistest: %s: %v", command, err)
	}
	for range channels {
		if _, err := sub.conn.reply(); err != nil {
			s.t.Fatalf("redistest: %s: %v", command, err)
		}
	}
	_ = sub.conn.SetDeadline(time.Time{})
	s.t.Cleanup(sub.Close)
	go sub.run()
	return sub
}

// dial opens a further connection.
func (s *Server) dial() *conn {
	s.t.Helper()
	c, err := dial(s.Addr())
	if err != nil {
		s.t.Fatalf("redistest: port %d: %v", s.port, err)
	}
	return c
}

func (s *Subscription) run() {
	defer close(s.done)
	defer close(s.messages)
	for {
		v, err := s.conn.reply()
		if err != nil {
			return
		}
		// ["message", channel, payload] or ["pmessage", pattern, channel, payload]
		parts, _ := v.([]any)
		if len(parts) < 3 {
			continue
		}
		channel, _ := parts[len(parts)-2].(string)
		payload, ok := parts[len(parts)-1].(string)
		if !ok {
			continue // a slot has moved: ["sunsubscribe", channel, 0]
		}
		select {
		case s.messages <- Message{channel, payload}:
		default: // a hundred thousand are waiting: the test does not read them
		}
	}
}

// Messages returns the channel of what is received. It holds the first 100,000 that are not read.
// It is closed when the connection ends.
func (s *Subscription) Messages() <-chan Message { return s.messages }

// Next waits for the next message.
func (s *Subscription) Next() Message {
	s.server.t.Helper()
	select {
	case m, ok := <-s.messages:
		if !ok {
			s.server.t.Fatal("redistest: the subscription has ended")
		}
		return m
	case <-time.After(patience):
		s.server.t.Fatal("redistest: no message")
	}
	return Message{}
}

// Close ends the subscription and its connection.
func (s *Subscription) Close() {
	_ = s.conn.Close()
	<-s.done
}

// A Monitor shows the commands that a server executes.
type Monitor struct {
	server   *Server
	conn     *conn
	commands chan []string
	done     chan struct{}
}

// Monitor starts to show the commands of all connections, until the test ends.
func (s *Server) Monitor() *Monitor {
	s.t.Helper()
	m := &Monitor{server: s, conn: s.dial(), commands: make(chan []string, 100_000), done: make(chan struct{})}
	if _, err := m.conn.do("MONITOR"); err != nil {
		s.t.Fatalf("redistest: MONITOR: %v", err)
	}
	_ = m.conn.SetDeadline(time.Time{})
	s.t.Cleanup(m.Close)
	go m.run()
	return m
}

func (m *Monitor) run() {
	defer close(m.done)
	defer close(m.commands)
	for {
		v, err := m.conn.reply()
		if err != nil {
			return
		}
		line, _ := v.(string)
		if args := arguments(line); args != nil {
			select {
			case m.commands <- args:
			default:
			}
		}
	}
}

// Next waits for the next execution of a command, and returns its name and arguments. Other
// commands before it are passed over. The command "" means any.
func (m *Monitor) Next(command string) []string {
	m.server.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case args, ok := <-m.commands:
			if !ok {
				m.server.t.Fatal("redistest: the monitor has ended")
			}
			if command == "" || strings.EqualFold(args[0], command) {
				return args
			}
		case <-timeout:
			m.server.t.Fatalf("redistest: no %s", command)
		}
	}
}

// Close ends the monitor and its connection.
func (m *Monitor) Close() {
	_ = m.conn.Close()
	<-m.done
}

// arguments returns the command of a line such as
//
//	1700000000.123456 [0 127.0.0.1:40000] "PUBLISH" "a" "\x93b"
func arguments(line string) []string {
	_, line, ok := strings.Cut(line, "] ")
	var args []string
	for ok && line != "" {
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			return nil
		}
		arg, err := strconv.Unquote(quoted)
		if err != nil {
			return nil
		}
		args = append(args, arg)
		line = strings.TrimPrefix(line[len(quoted):], " ")
	}
	return args
}
