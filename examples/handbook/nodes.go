package handbook

import (
	"context"
	"log/slog"

	"github.com/redis/rueidis"

	"socketiojwt/redisbus"
	"socketiojwt/socketio"
)

// Join makes a node of a cluster.
func Join(ctx context.Context, key []byte, logger *slog.Logger) error {
	bus, err := redisbus.New(ctx, rueidis.ClientOption{InitAddress: []string{"127.0.0.1:6379"}}, redisbus.Options{})
	if err != nil {
		return err
	}
	srv, err := socketio.NewServer(socketio.Options{
		Bus:        bus.Join,
		ClusterKey: key, // the same 16 bytes or more on all nodes
		Logger:     logger,
	})
	_ = srv
	return err
}

// JoinStreams makes a node that recovers sessions of other nodes.
func JoinStreams(ctx context.Context, client rueidis.ClientOption, key []byte) error {
	bus, err := redisbus.New(ctx, client, redisbus.Options{Wire: redisbus.Streams})
	if err != nil {
		return err
	}
	srv, err := socketio.NewServer(socketio.Options{Bus: bus.Join, ClusterKey: key, Recovery: &socketio.Recovery{}})
	_ = srv
	return err
}

// Send sends from a program without sockets.
func Send(ctx context.Context, picture []byte) error {
	emitter, err := redisbus.NewEmitter(ctx, rueidis.ClientOption{InitAddress: []string{"127.0.0.1:6379"}}, redisbus.EmitterOptions{})
	if err != nil {
		return err
	}
	defer emitter.Close()
	err = emitter.To("lobby").Except("muted").Emit(ctx, "news", "hello", picture)
	return err
}
