package main

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/token"
	"socketiojwt/token/jwks"
	"socketiojwt/token/mint"
)

// configuration holds the flags of serve that doctor checks: who is admitted, and where the
// server listens.
type configuration struct {
	Addr   string         `env:"SOCKETIO_JWT_ADDR" default:"localhost:9000" placeholder:"HOST:PORT" help:"Where to listen: on every address of HOST. Default: ${default}."`
	Origin []string       `reload:"" env:"SOCKETIO_JWT_ORIGIN" placeholder:"ORIGIN" example:"https://app.example.com" help:"Origin of other pages that may connect, such as https://app.example.com or https://*.example.com, where * stands for one label; may be repeated."`
	Proxy  []netip.Prefix `name:"trusted-proxy" env:"SOCKETIO_JWT_TRUSTED_PROXY" placeholder:"PREFIX" example:"10.1.2.0/24" help:"Addresses of reverse proxies, such as 10.1.2.0/24, whose X-Forwarded-For and X-Forwarded-Proto are trusted; may be repeated."`
	EIO3   bool           `name:"eio3" env:"SOCKETIO_JWT_EIO3" help:"Also accept clients of Socket.IO 1 and 2 (Engine.IO 3). Unless a file has [[namespace]] tables, namespace / then also reads the token from the query (?token=...), which proxies may log. Behind a proxy, name it by --trusted-proxy, or other peers can take over sessions."`

	trust    `embed:""`
	nodes    `embed:""`
	tlsFiles `embed:""`

	metricsListener `embed:""`

	TokenLife           *time.Duration `env:"SOCKETIO_JWT_TOKEN_LIFE" group:"Development issuer" placeholder:"15m" help:"How long its tokens are valid. Default: 15m."`
	NoLogin             bool           `env:"SOCKETIO_JWT_NO_LOGIN" group:"Development issuer" help:"Do not start it, although there is a secret that could sign."`
	InsecureRemoteLogin bool           `env:"SOCKETIO_JWT_INSECURE_REMOTE_LOGIN" group:"Development issuer" help:"Let other machines use it: anyone who can reach the server can log in as anyone."`
}

// keys returns the key that verifies the tokens, and the development issuer, which is nil if
// another issuer makes the tokens. The key is the zero Key if issuers publish their keys.
func (c *configuration) keys(log *slog.Logger) (token.Key, *issuer, error) {
	key, given, err := c.key()
	switch {
	case err != nil:
		return key, nil, err
	case c.outside() && !given && !c.publishes(given):
		return key, nil, errors.New("--issuer and --audience name another issuer, and its key is missing: give --issuer as the URL where it publishes its keys, --public-key FILE, or its secret by --secret-file or SOCKETIO_JWT_SECRET")
	case c.NoLogin && !given && !c.publishes(given):
		return key, nil, errors.New("--no-login needs the key of the issuer: give --public-key FILE, or a secret by --secret-file or SOCKETIO_JWT_SECRET")
	case c.outside() || c.NoLogin:
		const none = "has no effect: there is no development issuer with --no-login, --public-key, --issuer or --audience"
		switch {
		case c.InsecureRemoteLogin:
			return key, nil, errors.New("--insecure-remote-login " + none)
		case c.TokenLife != nil:
			return key, nil, errors.New("--token-life " + none)
		}
		return key, nil, nil
	}

	var signing mint.SigningKey
	if secret, given, err := c.secret(); err != nil {
		return key, nil, err
	} else if given {
		signing, err = mint.Secret(secret, key.Algorithms()[0])
		if err != nil {
			return key, nil, err
		}
	} else if c.Alg != "" {
		return key, nil, errors.New("--alg needs a key")
	} else if signing, err = mint.Generate(token.HS256); err != nil {
		return key, nil, err
	}
	if c.Leeway == nil {
		c.Leeway = new(time.Duration) // one clock both signs and verifies
	}
	life := defaultTokenLife
	if c.TokenLife != nil {
		life = *c.TokenLife
	}
	issuer, err := newIssuer(signing, life, c.InsecureRemoteLogin, c.host(), log)
	return signing.Key(), issuer, err
}

// engine adds what the flags say to the options of connections. Sessions of Engine.IO 3 are bound to the address
// of the client, because nothing else identifies it before it authenticates.
func (c *configuration) engine(opts engineio.Options) engineio.Options {
	opts.Origins, opts.TrustedProxies, opts.AllowEIO3 = c.Origin, c.Proxy, c.EIO3
	if c.EIO3 {
		opts.Bind = engineio.BindToAddress(c.Proxy...)
	}
	return opts
}

// verifierOf returns the verifier for key or, if the issuers publish their keys, for those
// keys, which the caller must close. Options are those of their sets.
func (c *configuration) verifierOf(key token.Key, options jwks.Options) (*token.Verifier, published, error) {
	if c.publishes(key.Err() == nil) {
		return c.published(options)
	}
	verifier, err := c.verifier(key)
	return verifier, nil, err
}

// host returns the host of --addr, empty if there is none.
func (c *configuration) host() string {
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return ""
	}
	return host
}
