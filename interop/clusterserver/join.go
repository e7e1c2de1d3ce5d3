package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/redis/rueidis"

	"socketiojwt/redisbus"
	"socketiojwt/socketio"
)

// wires are the wires by the names of the Node program.
var wires = map[string]redisbus.Wire{
	"classic": redisbus.Classic,
	"sharded": redisbus.Sharded,
	"streams": redisbus.Streams,
}

// modes are the ways of sending on the sharded wire, by the names of Node's adapter.
var modes = map[string]redisbus.Mode{
	"":                redisbus.Dynamic,
	"dynamic":         redisbus.Dynamic,
	"dynamic-private": redisbus.DynamicPrivate,
	"static":          redisbus.Static,
}

// join sets the bus of the server.
func join(ctx context.Context, o options, opts *socketio.Options) error {
	client, err := clientOption(o.Redis)
	if err != nil {
		return err
	}
	wire, ok := wires[o.Wire]
	if !ok {
		return fmt.Errorf("no wire %q", o.Wire)
	}
	bus, err := redisbus.New(ctx, client, redisbus.Options{
		Wire: wire, Prefix: o.Options.Prefix, Mode: modes[o.Options.Mode],
		Streams: o.Options.Streams, StreamLength: o.Options.Length, SessionPrefix: o.Options.Sessions,
		ShardedRequests: o.Options.Sharded, Logger: opts.Logger,
	})
	if err != nil {
		return err
	}
	opts.Bus = bus.Join
	return nil
}

// clientOption reads the address of a Redis, or those of a Redis Cluster.
func clientOption(redis json.RawMessage) (client rueidis.ClientOption, err error) {
	var urls []string
	if json.Unmarshal(redis, &urls) != nil {
		urls = []string{""}
		if err := json.Unmarshal(redis, &urls[0]); err != nil {
			return client, err
		}
	}
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			return client, err
		}
		client.InitAddress = append(client.InitAddress, u.Host)
	}
	return client, nil
}
