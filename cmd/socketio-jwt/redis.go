package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/redis/rueidis"
)

// redisServer holds the flags that say which Redis joins nodes, and how they talk.
type redisServer struct {
	Redis             string `env:"SOCKETIO_JWT_REDIS" group:"Several nodes" placeholder:"URL" help:"Redis or Valkey that joins the nodes: redis://[USER:PASSWORD@]HOST:PORT, rediss:// for TLS. Further servers of a Redis Cluster follow as ?addr=HOST:PORT. For sentinels, ?master_set=NAME says what they watch."`
	RedisPasswordFile string `env:"SOCKETIO_JWT_REDIS_PASSWORD_FILE" group:"Several nodes" placeholder:"FILE" help:"File that holds the password for Redis; a line break at its end is ignored."`
	RedisWire         string `env:"SOCKETIO_JWT_REDIS_WIRE" group:"Several nodes" enum:"classic,sharded,streams" default:"classic" placeholder:"WIRE" help:"How nodes talk, as the adapters of Node do: classic (@socket.io/redis-adapter), sharded (its sharded adapter) or streams (@socket.io/redis-streams-adapter). The same on all nodes. Default: ${default}."`
	RedisPrefix       string `env:"SOCKETIO_JWT_REDIS_PREFIX" group:"Several nodes" default:"socket.io" placeholder:"PREFIX" help:"Beginning of the names of channels and keys, the same on all nodes of a cluster. Clusters that share a Redis need different ones. Default: ${default}."`
}

// client reads the URL and the password. Errors do not quote the URL, which may have a password.
func (n *redisServer) client() (rueidis.ClientOption, error) {
	scheme, rest, _ := strings.Cut(n.Redis, "://")
	if (scheme != "redis" && scheme != "rediss" && scheme != "unix") || rest == "" {
		return rueidis.ClientOption{}, errors.New("--redis must be a URL such as redis://localhost:6379, rediss://redis.example:6379 or unix:///run/redis.sock")
	}
	client, err := rueidis.ParseURL(n.Redis)
	if err != nil {
		return client, errors.New("--redis is not a valid URL; in a password, write / as %2F, : as %3A, @ as %40, # as %23 and ? as %3F, or use --redis-password-file")
	}
	if n.RedisPasswordFile == "" {
		return client, nil
	}
	if client.Password != "" {
		return client, errors.New("--redis-password-file and a password in --redis exclude each other")
	}
	content, err := os.ReadFile(n.RedisPasswordFile)
	if err != nil {
		return client, fmt.Errorf("--redis-password-file: %w", err)
	}
	client.Password = strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if client.Password == "" {
		return client, errors.New("--redis-password-file: the file is empty")
	}
	return client, nil
}

// passwordFromFlag reports whether the password is on the command line.
func (n *redisServer) passwordFromFlag(client rueidis.ClientOption) bool {
	return client.Password != "" && n.RedisPasswordFile == "" && os.Getenv("SOCKETIO_JWT_REDIS") != n.Redis
}
