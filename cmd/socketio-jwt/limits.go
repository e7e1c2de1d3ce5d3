package main

import (
	"context"
	"fmt"
	"time"

	"socketiojwt/socketio"
)

// limits holds the flags that bound what peers can make the server do and keep.
type limits struct {
	MaxSessions      int           `env:"SOCKETIO_JWT_MAX_SESSIONS" group:"Limits" default:"0" placeholder:"N" help:"Connections at the same time; further ones are answered with 503. 0 means no limit. Default: ${default}."`
	MaxNewPerAddress int           `env:"SOCKETIO_JWT_MAX_NEW_PER_ADDRESS" group:"Limits" default:"1000" placeholder:"N" help:"Connections of one address that are not admitted yet or were refused lately. Behind a proxy that --trusted-proxy does not name, all peers have one address. Default: ${default}."`
	MaxPayload       int           `env:"SOCKETIO_JWT_MAX_PAYLOAD" group:"Limits" default:"1000000" placeholder:"BYTES" help:"Bytes that a peer sends at once. Default: ${default}."`
	MaxOutbound      int           `env:"SOCKETIO_JWT_MAX_OUTBOUND" group:"Limits" default:"4194304" placeholder:"BYTES" help:"Bytes that wait for a slow peer; with more its connection is closed. Default: ${default}."`
	MaxNewBytes      int           `env:"SOCKETIO_JWT_MAX_NEW_BYTES" group:"Limits" default:"65536" placeholder:"BYTES" help:"Bytes that are kept for a connection before it is admitted, at least 16384. Default: ${default}."`
	MaxHeldBytes     int           `env:"SOCKETIO_JWT_MAX_HELD_BYTES" group:"Limits" default:"67108864" placeholder:"BYTES" help:"Bytes that are kept for all such connections together. Default: ${default}."`
	MaxNamespaces    int           `env:"SOCKETIO_JWT_MAX_NAMESPACES" group:"Limits" default:"32" placeholder:"N" help:"Namespaces of one connection. Default: ${default}."`
	MaxRooms         int           `env:"SOCKETIO_JWT_MAX_ROOMS" group:"Limits" default:"1000" placeholder:"N" help:"Rooms of one socket. Default: ${default}."`
	MaxPendingAcks   int           `env:"SOCKETIO_JWT_MAX_PENDING_ACKS" group:"Limits" default:"1000" placeholder:"N" help:"Acknowledgements that one peer has not sent yet. Default: ${default}."`
	ConnectTimeout   time.Duration `env:"SOCKETIO_JWT_CONNECT_TIMEOUT" group:"Limits" default:"45s" help:"How long a connection may take until a socket of it is admitted. Default: ${default}."`
	PingInterval     time.Duration `env:"SOCKETIO_JWT_PING_INTERVAL" group:"Limits" default:"25s" help:"Time between two pings. Proxies must not close idle connections earlier. Default: ${default}."`
	PingTimeout      time.Duration `env:"SOCKETIO_JWT_PING_TIMEOUT" group:"Limits" default:"20s" help:"How long a peer may take to answer a ping. Default: ${default}."`

	PerMessageDeflate bool `name:"per-message-deflate" env:"SOCKETIO_JWT_PER_MESSAGE_DEFLATE" group:"Limits" help:"Let clients compress WebSocket messages, and compress those for them. Compressing costs processor time, and the length of a message that contains both a secret and text of others can reveal the secret."`
	CompressFrom      int  `env:"SOCKETIO_JWT_COMPRESS_FROM" group:"Limits" default:"1024" placeholder:"BYTES" help:"Size from which responses of polls, and with --per-message-deflate WebSocket messages, are compressed. -1 means never. Default: ${default}."`

	SharedWait bool `env:"SOCKETIO_JWT_SHARED_WAIT" group:"Limits" help:"Wait for all idle WebSockets with one goroutine instead of one for each, which saves almost half of their memory, and a sixth by TLS. It needs Linux."`

	MaxPacketsPerSecond    int           `env:"SOCKETIO_JWT_MAX_PACKETS_PER_SECOND" group:"Limits" default:"1000" placeholder:"N" help:"Packets that the peer of one connection sends in a second; one that sends more is read later. 0 means no limit. Default: ${default}."`
	MaxBytesPerSecond      int           `env:"SOCKETIO_JWT_MAX_BYTES_PER_SECOND" group:"Limits" default:"4194304" placeholder:"BYTES" help:"Bytes of these packets in a second, in the same way. Default: ${default}."`
	RateBurst              time.Duration `env:"SOCKETIO_JWT_RATE_BURST" group:"Limits" default:"2s" help:"How long a peer may exceed these two after it has sent nothing, at least 10ms. Default: ${default}."`
	CloseAboveRate         bool          `env:"SOCKETIO_JWT_CLOSE_ABOVE_RATE" group:"Limits" help:"Close the connection of a peer that exceeds one of these two, instead of reading it later."`
	MaxSessionsPerAddress  int           `env:"SOCKETIO_JWT_MAX_SESSIONS_PER_ADDRESS" group:"Limits" default:"10000" placeholder:"N" help:"Connections of one address at the same time. Behind a proxy that --trusted-proxy does not name, all peers have one address. 0 means no limit. Default: ${default}."`
	MaxHandshakesPerSecond int           `env:"SOCKETIO_JWT_MAX_HANDSHAKES_PER_SECOND" group:"Limits" default:"200" placeholder:"N" help:"Connections that one address begins in a second, for ten seconds' worth at once. 0 means no limit. Default: ${default}."`
}

// check implements part.
func (l *limits) check(*serveCommand) error {
	errs := []error{positive("--connect-timeout", l.ConnectTimeout), positive("--ping-interval", l.PingInterval), positive("--ping-timeout", l.PingTimeout)}
	if l.CompressFrom == 0 {
		errs = append(errs, fmt.Errorf("--compress-from must be positive, or -1 for never"))
	}
	errs = append(errs, l.checkRates())
	for _, limit := range []struct {
		flag  string
		value int
		least int
	}{
		{"--max-sessions", l.MaxSessions, 0},
		{"--max-packets-per-second", l.MaxPacketsPerSecond, 0},
		{"--max-bytes-per-second", l.MaxBytesPerSecond, 0},
		{"--max-sessions-per-address", l.MaxSessionsPerAddress, 0},
		{"--max-handshakes-per-second", l.MaxHandshakesPerSecond, 0},
		{"--max-new-per-address", l.MaxNewPerAddress, 1},
		{"--max-payload", l.MaxPayload, 1},
		{"--max-outbound", l.MaxOutbound, 1},
		{"--max-new-bytes", l.MaxNewBytes, 16 << 10},
		{"--max-held-bytes", l.MaxHeldBytes, 1},
		{"--max-namespaces", l.MaxNamespaces, 1},
		{"--max-rooms", l.MaxRooms, 1},
		{"--max-pending-acks", l.MaxPendingAcks, 1},
	} {
		switch {
		case limit.value >= limit.least:
		case limit.least == 0:
			errs = append(errs, fmt.Errorf("%s must not be negative", limit.flag))
		default:
			errs = append(errs, fmt.Errorf("%s must be at least %d", limit.flag, limit.least))
		}
	}
	return joined(errs...)
}

// checkRates is check for the rates of peers.
func (l *limits) checkRates() error {
	var errs []error
	if most := 1_000_000; l.MaxPacketsPerSecond > most || l.MaxHandshakesPerSecond > most {
		errs = append(errs, fmt.Errorf("--max-packets-per-second and --max-handshakes-per-second must be at most %d; 0 means no limit", most))
	}
	if l.RateBurst < 10*time.Millisecond {
		errs = append(errs, fmt.Errorf("--rate-burst must be at least 10ms"))
	}
	return joined(errs...)
}

// start implements part.
func (l *limits) start(_ context.Context, a *assembly) error {
	l.add(&a.sockets)
	return nil
}

// add adds the limits to the options of a server.
func (l *limits) add(o *socketio.Options) {
	e := &o.Engine
	e.MaxSessions, e.MaxNewPerAddress, e.MaxPayload, e.MaxOutbound = l.MaxSessions, l.MaxNewPerAddress, l.MaxPayload, l.MaxOutbound
	e.MaxPacketsPerSecond, e.MaxBytesPerSecond, e.RateBurst, e.CloseAboveRate = l.MaxPacketsPerSecond, l.MaxBytesPerSecond, l.RateBurst, l.CloseAboveRate
	e.MaxSessionsPerAddress, e.MaxHandshakesPerSecond = l.MaxSessionsPerAddress, l.MaxHandshakesPerSecond
	e.PingInterval, e.PingTimeout = l.PingInterval, l.PingTimeout
	e.PerMessageDeflate, e.CompressFrom, e.SharedWait = l.PerMessageDeflate, l.CompressFrom, l.SharedWait
	o.ConnectTimeout, o.MaxNewBytes, o.MaxHeldBytes = l.ConnectTimeout, l.MaxNewBytes, l.MaxHeldBytes
	o.MaxNamespaces, o.MaxRooms, o.MaxPendingAcks = l.MaxNamespaces, l.MaxRooms, l.MaxPendingAcks
}
