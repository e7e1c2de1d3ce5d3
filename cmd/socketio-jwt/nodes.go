package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/redis/rueidis"
)

// nodes holds the flags of serve that join it to other nodes.
type nodes struct {
	Redis             string  `env:"SOCKETIO_JWT_REDIS" group:"Several nodes" placeholder:"URL" help:"Redis or Valkey that joins this server to others: redis://[USER:PASSWORD@]HOST:PORT, rediss:// for TLS. Further servers of a Redis Cluster follow as ?addr=HOST:PORT. For sentinels, ?master_set=NAME says what they watch."`
	RedisPasswordFile string  `env:"SOCKETIO_JWT_REDIS_PASSWORD_FILE" group:"Several nodes" placeholder:"FILE" help:"File that holds the password for Redis; a line break at its end is ignored."`
	RedisWire         string  `env:"SOCKETIO_JWT_REDIS_WIRE" group:"Several nodes" enum:"classic,sharded,streams" default:"classic" placeholder:"WIRE" help:"How nodes talk, as the adapters of Node do: classic (@socket.io/redis-adapter), sharded (its sharded adapter) or streams (@socket.io/redis-streams-adapter). The same on all nodes. Default: ${default}."`
	RedisPrefix       string  `env:"SOCKETIO_JWT_REDIS_PREFIX" group:"Several nodes" placeholder:"PREFIX" help:"Beginning of the names of channels and keys, the same on all nodes of one cluster only. Default: socket.io."`
	ClusterKey        *string `env:"SOCKETIO_JWT_CLUSTER_KEY" group:"Several nodes" placeholder:"SECRET" help:"Secret that all nodes of this program share, at least 16 bytes. Other users of the machine can see a command line: use the environment or a file."`
	ClusterKeyFile    string  `env:"SOCKETIO_JWT_CLUSTER_KEY_FILE" group:"Several nodes" placeholder:"FILE" help:"File that holds this secret; a line break at its end is ignored."`
}

// minClusterKey is how long the cluster key must be, in bytes.
const minClusterKey = 16

// cluster is what the flags of several nodes say.
type cluster struct {
	client           rueidis.ClientOption
	wire, prefix     string
	key              []byte
	passwordFromFlag bool
}

// cluster reads the flags. It returns nil without --redis.
func (n *nodes) cluster() (*cluster, error) {
	if n.Redis == "" {
		if n.RedisPasswordFile != "" || n.RedisPrefix != "" || n.ClusterKey != nil || n.ClusterKeyFile != "" {
			return nil, errors.New("the flags of several nodes (--redis-password-file, --redis-prefix, --cluster-key, --cluster-key-file) have no effect without --redis URL (their variables count as well)")
		}
		return nil, nil
	}
	c := &cluster{wire: n.RedisWire, prefix: cmp.Or(n.RedisPrefix, "socket.io")}
	var err error
	if c.client, err = n.redis(); err != nil {
		return nil, err
	}
	c.passwordFromFlag = strings.Contains(n.Redis, "@") && os.Getenv("SOCKETIO_JWT_REDIS") != n.Redis && n.RedisPasswordFile == "" && c.client.Password != ""
	key, given, err := oneSecret(n.ClusterKey, n.ClusterKeyFile)
	switch {
	case err != nil:
		return nil, errors.New(strings.NewReplacer("--secret", "--cluster-key", "SOCKETIO_JWT_SECRET", "SOCKETIO_JWT_CLUSTER_KEY").Replace(err.Error()))
	case !given:
		return nil, errors.New("--redis needs the secret that all nodes share: set SOCKETIO_JWT_CLUSTER_KEY, for example to the output of openssl rand -hex 32, or --cluster-key-file")
	case len(key) < minClusterKey:
		return nil, fmt.Errorf("the cluster key has %d bytes, and needs at least %d: use the output of openssl rand -hex 32", len(key), minClusterKey)
	}
	c.key = []byte(key)
	return c, nil
}

// redis reads the URL and the password. Errors do not quote the URL, which may have a password.
func (n *nodes) redis() (rueidis.ClientOption, error) {
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

// checkKeys returns an error if a development issuer signs with a key that only this node has.
func (c *configuration) checkKeys(issuer *issuer) error {
	if c.Redis == "" || issuer == nil {
		return nil
	}
	if _, given, err := c.secret(); err != nil || given {
		return err
	}
	return errors.New("--redis needs tokens that all nodes accept, and the development issuer of each node signs with a random secret: set the same SOCKETIO_JWT_SECRET for all of them, or name another issuer")
}
