package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"testing"
	"time"
)

// certified is a certificate and its key.
type certified struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// sign makes a certificate that a parent has signed, or itself if the parent is nil.
func sign(t *testing.T, parent *certified, template x509.Certificate) *certified {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.BasicConstraintsValid = big.NewInt(1), true
	one := &certified{&template, key}
	if parent == nil {
		parent = one
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent.Certificate, &key.PublicKey, parent.key)
	if err != nil {
		t.Fatal(err)
	}
	if one.Certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return one
}

// serves gives a certificate of the server, followed by others.
func serves(keyFile string, chain ...*certified) func(*Config) {
	return func(c *Config) {
		c.TLS = &TLS{KeyFile: keyFile, Pair: &tls.Certificate{Leaf: chain[0].Certificate, PrivateKey: chain[0].key}}
		for _, one := range chain {
			c.TLS.Pair.Certificate = append(c.TLS.Pair.Certificate, one.Raw)
		}
	}
}

func TestTLS(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Now()
	template := func(from, to time.Duration) x509.Certificate {
		return x509.Certificate{Subject: pkix.Name{CommonName: "chat"}, DNSNames: []string{"chat.example.com"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)},
			NotBefore: now.Add(from), NotAfter: now.Add(to)}
	}
	authority := func(name string, parent *certified) *certified {
		return sign(t, parent, x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: now.Add(-day), NotAfter: now.Add(365 * day)})
	}
	root := authority("root", nil)
	intermediate := authority("intermediate", root)
	year := sign(t, nil, template(-day, 365*day))
	issued := sign(t, intermediate, template(-day, 365*day))
	protected, readable, writable := fileOf(t, 0o600, "key"), fileOf(t, 0o644, "key"), fileOf(t, 0o666, "key")
	const untrusted = "warn tls: leads to no authority"
	const named = `ok tls: the certificate of --tls-cert is for "chat.example.com, 10.0.0.1", and expires in 365 days`
	at := func(addr string) func(*Config) { return func(c *Config) { c.Addr = addr } }
	exposed := func(c *Config) { c.Addr, c.Addresses = ":443", nil }

	for name, test := range map[string]struct {
		changes []func(*Config)
		want    []string
	}{
		"no certificate":       {[]func(*Config){exposed}, []string{"warn exposure: does not use TLS"}},
		"another key":          {[]func(*Config){func(c *Config) { c.TLS = &TLS{Err: errors.New("tls: private key does not match public key")} }}, []string{"fail tls: private key does not match"}},
		"every address":        {[]func(*Config){exposed, serves(protected, year)}, []string{named, untrusted, "ok exposure: and uses TLS"}},
		"its name":             {[]func(*Config){at("chat.example.com:443"), serves(protected, year)}, []string{named, untrusted}},
		"another name":         {[]func(*Config){at("localhost:443"), serves(protected, year)}, []string{named, untrusted, `warn tls: and not for "localhost"`}},
		"expired":              {[]func(*Config){at("10.0.0.2:443"), serves(protected, sign(t, nil, template(-2*day, -day)))}, []string{"fail tls: has expired, 24 hours ago", untrusted}},
		"not valid yet":        {[]func(*Config){exposed, serves(protected, sign(t, nil, template(day, 2*day)))}, []string{"fail tls: is not valid yet", untrusted}},
		"two weeks left":       {[]func(*Config){exposed, serves(protected, sign(t, nil, template(-300*day, 13*day)))}, []string{"warn tls: expires soon, in 13 days", untrusted}},
		"enough of a week":     {[]func(*Config){exposed, serves(protected, sign(t, nil, template(-day, 6*day)))}, []string{"ok tls: expires in 6 days", untrusted}},
		"a key others read":    {[]func(*Config){exposed, serves(readable, year)}, []string{named, untrusted, "warn key: can read the file of --tls-key"}},
		"a key others write":   {[]func(*Config){exposed, serves(writable, year)}, []string{named, untrusted, "fail key: can change the file of --tls-key, and then stop the server"}},
		"without intermediate": {[]func(*Config){exposed, serves(protected, issued)}, []string{named, "warn tls: this machine does not know who signed it"}},
		"with intermediate":    {[]func(*Config){exposed, serves(protected, issued, intermediate)}, []string{named, untrusted}},
	} {
		t.Run(name, func(t *testing.T) {
			changes := append([]func(*Config){secret(randomSecret)}, test.changes...)
			examine(t, with(changes...)).want(t, test.want...)
		})
	}
}
