package redistest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Do sends a command and returns the reply: a string, an int, a []any of those, or nil. It fails
// the test if Redis answers with an error.
func (s *Server) Do(args ...string) any {
	s.t.Helper()
	v, err := s.Try(args...)
	if err != nil {
		s.t.Fatalf("redistest: %.60q on port %d: %v", args, s.port, err)
	}
	return v
}

// Try is like Do, but returns the error: an ErrorReply if it comes from Redis. It may be called
// concurrently.
func (s *Server) Try(args ...string) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		c, err := dial(s.Addr())
		if err != nil {
			return nil, err
		}
		s.conn = c
	}
	v, err := s.conn.do(args...)
	if err != nil && !errors.As(err, new(ErrorReply)) {
		_ = s.conn.Close()
		s.conn = nil
	}
	return v, err
}

// hangUp closes the connection for commands.
func (s *Server) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

// Publish publishes and returns how many connections received it.
func (s *Server) Publish(channel, payload string) int {
	s.t.Helper()
	return s.number("PUBLISH", channel, payload)
}

// ShardPublish is Publish on a sharded channel.
func (s *Server) ShardPublish(channel, payload string) int {
	s.t.Helper()
	return s.number("SPUBLISH", channel, payload)
}

// Channels returns the channels that have subscribers; patterns are not among them. The pattern ""
// means all.
func (s *Server) Channels(pattern string) []string {
	s.t.Helper()
	return s.list("PUBSUB", "CHANNELS", orAll(pattern))
}

// ShardChannels returns the sharded channels that have subscribers on this server.
func (s *Server) ShardChannels(pattern string) []string {
	s.t.Helper()
	return s.list("PUBSUB", "SHARDCHANNELS", orAll(pattern))
}

// Patterns returns the number of different patterns that have subscribers.
func (s *Server) Patterns() int {
	s.t.Helper()
	return s.number("PUBSUB", "NUMPAT")
}

// Subscribers returns the number of connections that are subscribed to a channel.
func (s *Server) Subscribers(channel string) int {
	s.t.Helper()
	return s.Do("PUBSUB", "NUMSUB", channel).([]any)[1].(int)
}

// ShardSubscribers is Subscribers for a sharded channel.
func (s *Server) ShardSubscribers(channel string) int {
	s.t.Helper()
	return s.Do("PUBSUB", "SHARDNUMSUB", channel).([]any)[1].(int)
}

// KillPubSub closes all connections that have subscriptions, those of Subscribe included, and
// returns their number.
func (s *Server) KillPubSub() int {
	s.t.Helper()
	return s.number("CLIENT", "KILL", "TYPE", "pubsub")
}

// KillClients closes all connections but the one of the Server itself, and returns their number.
func (s *Server) KillClients() int {
	s.t.Helper()
	return s.number("CLIENT", "KILL", "TYPE", "pubsub") + s.number("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
}

// Calls returns how often a command has been executed, for example "publish" or "client|kill".
func (s *Server) Calls(command string) int {
	s.t.Helper()
	return field(s.Info("commandstats")["cmdstat_"+strings.ToLower(command)], "calls")
}

// ResetCalls sets the counters of Calls, and the other statistics of Redis, to zero.
func (s *Server) ResetCalls() {
	s.t.Helper()
	s.Do("CONFIG", "RESETSTAT")
}

// field returns the number of name in a list such as "calls=1,usec=2", or 0.
func field(list, name string) int {
	for part := range strings.SplitSeq(list, ",") {
		if v, ok := strings.CutPrefix(part, name+"="); ok {
			n, _ := strconv.Atoi(v)
			return n
		}
	}
	return 0
}

// Info returns the fields of a section of INFO, for example "memory".
func (s *Server) Info(section string) map[string]string {
	s.t.Helper()
	fields, err := s.info(section)
	if err != nil {
		s.t.Fatalf("redistest: INFO %s on port %d: %v", section, s.port, err)
	}
	return fields
}

func (s *Server) info(section string) (map[string]string, error) {
	v, err := s.Try("INFO", section)
	if err != nil {
		return nil, err
	}
	return fields(v), nil
}

// fields splits a text of lines "name:value".
func fields(text any) map[string]string {
	m := make(map[string]string)
	for line := range strings.SplitSeq(fmt.Sprint(text), "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			m[name] = value
		}
	}
	return m
}

func orAll(pattern string) string {
	if pattern == "" {
		return "*"
	}
	return pattern
}

func (s *Server) number(args ...string) int {
	s.t.Helper()
	n, ok := s.Do(args...).(int)
	if !ok {
		s.t.Fatalf("redistest: the reply to %.60q is not a number", args)
	}
	return n
}

func (s *Server) list(args ...string) []string {
	s.t.Helper()
	items, _ := s.Do(args...).([]any)
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = fmt.Sprint(item)
	}
	return texts
}
