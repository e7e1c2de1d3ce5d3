package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis/rueidis"
)

// nodes holds the flags of serve that join it to other nodes.
type nodes struct {
	redisServer `embed:""`

	ClusterKey     *string `env:"SOCKETIO_JWT_CLUSTER_KEY" group:"Several nodes" placeholder:"SECRET" help:"Secret that all nodes of this program share, at least 16 bytes. Other users of the machine can see a command line: use the environment or a file."`
	ClusterKeyFile string  `env:"SOCKETIO_JWT_CLUSTER_KEY_FILE" group:"Several nodes" placeholder:"FILE" help:"File that holds this secret; a line break at its end is ignored."`
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
		if n.RedisPasswordFile != "" || n.ClusterKey != nil || n.ClusterKeyFile != "" {
			return nil, errors.New("the flags of several nodes (--redis-password-file, --cluster-key, --cluster-key-file) have no effect without --redis URL (their variables count as well)")
		}
		return nil, nil
	}
	c := &cluster{wire: n.RedisWire, prefix: n.RedisPrefix}
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
