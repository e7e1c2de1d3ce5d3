package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// nodes holds the flags of serve that join it to other nodes.
type nodes struct {
	redisServer `embed:""`

	ClusterKey     *string `secret:"" env:"SOCKETIO_JWT_CLUSTER_KEY" group:"Several nodes" placeholder:"SECRET" help:"Secret that all nodes of this program share, at least 16 bytes. Other users of the machine can see a command line: use the environment or a file."`
	ClusterKeyFile string  `env:"SOCKETIO_JWT_CLUSTER_KEY_FILE" group:"Several nodes" placeholder:"FILE" help:"File that holds this secret; a line break at its end is ignored."`

	LongestToken time.Duration `env:"SOCKETIO_JWT_LONGEST_TOKEN" group:"Several nodes" default:"30d" help:"The longest time for which an issuer makes tokens good: revocations are kept that long. Default: ${default}."`
	MaxStale     time.Duration `env:"SOCKETIO_JWT_MAX_STALE" group:"Several nodes" default:"30s" help:"How old the list of revocations may get while Redis is away, at least 5s. Then tokens are refused for a while, and sockets that are connected stay. Default: ${default}."`
	FailOpen     bool          `env:"SOCKETIO_JWT_FAIL_OPEN" group:"Several nodes" help:"Accept tokens nevertheless: one that was revoked meanwhile is then accepted."`
}

// minClusterKey is how long the cluster key must be, in bytes.
const minClusterKey = 16

// cluster is what the flags of several nodes say.
type cluster struct {
	client           rueidis.ClientOption
	wire, prefix     string
	key              []byte
	passwordFromFlag bool
	longest, stale   time.Duration
	failOpen         bool
}

// revocations returns the beginning of the keys of revocations.
func (c *cluster) revocations() string { return c.prefix + ":revocations" }

// cluster reads the flags. It returns nil without --redis.
func (n *nodes) cluster() (*cluster, error) {
	if n.Redis == "" {
		return nil, nil
	}
	c := &cluster{wire: n.RedisWire, prefix: n.RedisPrefix, longest: n.LongestToken, stale: n.MaxStale, failOpen: n.FailOpen}
	if err := positive("--longest-token", c.longest); err != nil {
		return nil, err
	}
	if c.stale < 5*time.Second {
		return nil, errors.New("--max-stale must be at least 5s")
	}
	var err error
	if c.client, err = n.client(); err != nil {
		return nil, err
	}
	c.passwordFromFlag = n.passwordFromFlag(c.client)
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
