package main

import (
	"strings"
	"testing"
)

// TestServeChecksFlagsBeforeItJoins checks that serve reports flags that have nothing to do with
// Redis before it connects.
func TestServeChecksFlagsBeforeItJoins(t *testing.T) {
	for want, args := range map[string][]string{
		"has no effect without --admin": {"--admin-secret", goodSecret},
		"--origin":                      {"--origin", "https://a.example/path"},
		"--max-payload":                 {"--max-payload", "0"},
		"--shutdown-timeout":            {"--shutdown-timeout=-1s"},
		"name must be set":              {"--config", configured(t, "[[namespace]]\n")},
	} {
		o := runWith(t, "", append([]string{"serve", "--addr", "localhost:0", "--secret", goodSecret, "--redis", "redis://127.0.0.1:1", "--cluster-key", goodSecret}, args...)...)
		o.want(t, exitFailed, "", want)
		if strings.Contains(o.err, "connect to Redis") {
			t.Errorf("%q: serve has joined before: %s", args, o.err)
		}
	}
}

// Flags of several nodes that do not fit are errors that say what to give instead, and do not
// quote a password.
func TestFlagsOfSeveralNodes(t *testing.T) {
	key := writeFile(t, "key.txt", goodSecret+"\n")
	redis := func(url string, more ...string) []string {
		return append([]string{"--secret-file", key, "--redis", url, "--cluster-key-file", key}, more...)
	}
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no URL":             {[]string{"--cluster-key-file", key}, "has no effect without --redis URL"},
		"no cluster key":     {[]string{"--secret-file", key, "--redis", "redis://127.0.0.1:1"}, "set SOCKETIO_JWT_CLUSTER_KEY, for example to the output of openssl rand -hex 32"},
		"a short key":        {[]string{"--secret-file", key, "--redis", "redis://127.0.0.1:1", "--cluster-key", "sesame"}, "has 6 bytes, and needs at least 16"},
		"two keys":           {redis("redis://127.0.0.1:1", "--cluster-key", goodSecret), "--cluster-key and --cluster-key-file exclude each other (SOCKETIO_JWT_CLUSTER_KEY"},
		"no file of the key": {[]string{"--secret-file", key, "--redis", "redis://127.0.0.1:1", "--cluster-key-file", "no-such-file"}, "--cluster-key-file: open no-such-file"},
		"a random secret":    {[]string{"--redis", "redis://127.0.0.1:1", "--cluster-key-file", key}, "set the same SOCKETIO_JWT_SECRET for all of them"},
		"another scheme":     {redis("http://user:sesame@127.0.0.1:1"), "must be a URL such as redis://localhost:6379"},
		"no scheme":          {redis("user:sesame@127.0.0.1:1"), "must be a URL such as redis://localhost:6379"},
		"not a URL":          {redis("redis://:ses/ame@127.0.0.1:1"), "in a password, write / as %2F"},
		"a database":         {redis("redis://:sesame@127.0.0.1:1/x"), "is not a valid URL"},
		"two passwords":      {redis("redis://:sesame@127.0.0.1:1", "--redis-password-file", key), "--redis-password-file and a password in --redis exclude each other"},
		"no password file":   {redis("redis://127.0.0.1:1", "--redis-password-file", "no-such-file"), "--redis-password-file: open no-such-file"},
		"an empty password":  {redis("redis://127.0.0.1:1", "--redis-password-file", writeFile(t, "empty.txt", "\n")), "--redis-password-file: the file is empty"},
		"a stale list":       {redis("redis://127.0.0.1:1", "--max-stale", "1s"), "--max-stale must be at least 5s"},
		"short tokens":       {redis("redis://127.0.0.1:1", "--longest-token", "0s"), "--longest-token must be positive"},
		"no list":            {[]string{"--fail-open"}, "has no effect without --redis URL"},
		"an unknown wire":    {redis("redis://127.0.0.1:1", "--redis-wire", "mqtt"), "--redis-wire must be one of"},
		"nothing there":      {redis("redis://:sesame@127.0.0.1:1"), "127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			o := runWith(t, "", append([]string{"serve", "--addr", "localhost:0"}, test.args...)...)
			if o.code != exitFailed || !strings.Contains(o.err, test.want) || strings.Contains(o.err+o.out, "sesame") || strings.Contains(o.err+o.out, goodSecret) {
				t.Errorf("exit code %d, want an error with %q:\n%s%s", o.code, test.want, o.out, o.err)
			}
		})
	}
}
