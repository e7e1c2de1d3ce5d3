package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The issuer and audience of the tokens. Our server requires them with public keys; those of Node are not told of them.
const (
	issuer   = "https://issuer.example/"
	audience = "bench"
)

// workshop holds what the runs need: programs, keys and tokens, in a folder that is removed at the end.
type workshop struct {
	dir    string
	server string // our server's program

	nodeProgram string       // our server's in a cluster
	centrifuge  string       // Centrifuge's program
	redis       *redisServer // nil until a row needs it
	secret      string
	keys        map[string]crypto.Signer // by algorithm
}

// newWorkshop checks what this machine has, builds our server, and installs Node's if the rows need them.
func newWorkshop(ctx context.Context, needNode, needRedis bool) (*workshop, error) {
	tools := []string{"go", "taskset"}
	if needNode {
		tools = append(tools, "node", "npm")
	}
	if needRedis {
		tools = append(tools, "redis-server")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%s is missing", tool)
		}
	}
	if runtime.NumCPU() < 2 {
		return nil, errors.New("two cores are needed, one for the server and one for the load")
	}
	if _, err := os.Stat("peers/package.json"); err != nil {
		return nil, errors.New("this program must run in the folder bench/")
	}
	if needNode {
		if err := installPeers(ctx); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	w := &workshop{dir: dir, server: filepath.Join(dir, "server"), secret: rand.Text() + rand.Text()}
	if err := w.makeKeys(); err != nil {
		return nil, errors.Join(err, w.close())
	}
	if err := w.makeCertificate(); err != nil {
		return nil, errors.Join(err, w.close())
	}
	w.nodeProgram, w.centrifuge = filepath.Join(dir, "node"), filepath.Join(dir, "centrifuge")
	for program, source := range map[string]string{w.server: "./server", w.nodeProgram: "./node", w.centrifuge: "./centrifuge"} {
		if out, err := command(ctx, "go", "build", "-o", program, source).CombinedOutput(); err != nil {
			return nil, errors.Join(fmt.Errorf("building the servers: %w\n%s", err, out), w.close())
		}
	}
	return w, nil
}

func (w *workshop) close() error {
	if w.redis != nil {
		w.redis.stop()
	}
	return os.RemoveAll(w.dir)
}

// installPeers runs npm ci, unless what the lock file names is there already.
func installPeers(ctx context.Context) error {
	const lock, installed = "peers/package-lock.json", "peers/node_modules/.bench-installed"
	want, err := os.ReadFile(lock)
	if err != nil {
		return err
	}
	if have, err := os.ReadFile(installed); err == nil && bytes.Equal(have, want) {
		return nil
	}
	c := command(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	c.Dir = "peers"
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return os.WriteFile(installed, want, 0o644)
}

func (w *workshop) makeKeys() error {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	w.keys = map[string]crypto.Signer{"RS256": rsaKey, "ES256": ecKey}
	for alg, key := range w.keys {
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			return err
		}
		if err := os.WriteFile(w.publicKey(alg), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// makeCertificate writes a certificate, and its key, for servers that speak TLS.
func (w *workshop) makeCertificate() error {
	key := w.keys["ES256"]
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	both := slices.Concat(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	return os.WriteFile(w.certificate(), both, 0o600)
}

func (w *workshop) certificate() string { return filepath.Join(w.dir, "certificate.pem") }

func (w *workshop) publicKey(alg string) string { return filepath.Join(w.dir, alg+".pub") }

func (w *workshop) tokens(alg string) string { return filepath.Join(w.dir, alg+".tokens") }

func (w *workshop) freshTokens(alg string) string { return filepath.Join(w.dir, alg+".fresh") }

// mint writes n tokens, before anything is measured.
func (w *workshop) mint(alg string, n int) error { return w.write(w.tokens(alg), alg, 0, n, 1) }

// mintFresh writes other tokens of the first n subjects of mint, each of which has so many.
func (w *workshop) mintFresh(alg string, n, each int) error {
	return w.write(w.freshTokens(alg), alg, 1<<32, n*each, each)
}

// write writes n tokens of 9 claims, each of which has its own ID and end. Their IDs begin with first, and so many in a row have one
// subject.
func (w *workshop) write(name, alg string, first, n, each int) error {
	var key any = []byte(w.secret)
	if k, ok := w.keys[alg]; ok {
		key = k
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	now := time.Now()
	for i := range n {
		token, err := jwt.NewWithClaims(jwt.GetSigningMethod(alg), jwt.MapClaims{
			"iss": issuer, "aud": audience, "sub": fmt.Sprintf("user-%06d", i/each), "jti": fmt.Sprintf("%016x", first+i),
			"name": "Load Generator", "email": "load@example.com", "scope": "read write chat",
			"iat": now.Add(-time.Minute).Unix(), "exp": now.Add(12*time.Hour + time.Duration(i)*time.Second).Unix(),
		}).SignedString(key)
		if err != nil {
			return errors.Join(err, f.Close())
		}
		fmt.Fprintln(out, token)
	}
	return errors.Join(out.Flush(), f.Close())
}

// versions says what is measured, for the report.
func versions(ctx context.Context, node, centrifuge bool) (string, error) {
	said := []string{runtime.Version()}
	if centrifuge {
		out, err := command(ctx, "go", "list", "-m", "github.com/centrifugal/centrifuge").Output()
		if err != nil {
			return "", err
		}
		said = append(said, strings.TrimSpace(string(out)))
	}
	if node {
		out, err := command(ctx, "node", "--version").Output()
		if err != nil {
			return "", err
		}
		said = append(said, "Node "+strings.TrimSpace(string(out)))
		for _, name := range []string{"socket.io", "engine.io", "ws", "@thream/socketio-jwt", "socketio-jwt", "@socket.io/redis-adapter", "@socket.io/redis-streams-adapter", "redis"} {
			v, err := peerVersion(name)
			if err != nil {
				return "", err
			}
			said = append(said, name+" "+v)
		}
	}
	return strings.Join(said, ", "), nil
}
