package doctor

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"socketiojwt/internal/display"
)

// TLS describes the certificate of the server.
type TLS struct {
	KeyFile string
	Pair    *tls.Certificate // nil if there is an error
	Err     error            // why the files are not a certificate and its key
}

// RenewBefore returns when a certificate should have been replaced: two weeks before it expires, or
// when a quarter of its life is left if that is less.
func RenewBefore(leaf *x509.Certificate) time.Time {
	const enough = 14 * 24 * time.Hour
	return leaf.NotAfter.Add(-min(enough, leaf.NotAfter.Sub(leaf.NotBefore)/4))
}

// tlsWorks checks whether the certificate and the key fit, and the dates.
func tlsWorks(e *examination) []Finding {
	const advice = "Put a new certificate and its key into the files of --tls-cert and --tls-key. serve reads them again at SIGHUP."
	if e.TLS == nil {
		return nil
	}
	if e.TLS.Err != nil {
		return fail("Give a certificate as PEM, followed by the intermediate ones, and its private key, without a password.", "%s", Plain(e.TLS.Err))
	}
	switch leaf := e.TLS.Pair.Leaf; {
	case e.now.After(leaf.NotAfter):
		return fail(advice, "the certificate of --tls-cert has expired, %s", display.Distance(leaf.NotAfter, e.now))
	case e.now.Before(leaf.NotBefore):
		return fail(advice, "the certificate of --tls-cert is not valid yet, but %s", display.Distance(leaf.NotBefore, e.now))
	case e.now.After(RenewBefore(leaf)):
		return warn(advice, "the certificate of --tls-cert expires soon, %s", display.Distance(leaf.NotAfter, e.now))
	default:
		return ok("the certificate of --tls-cert is for %s, and expires %s", quoted(namesOf(leaf)), display.Distance(leaf.NotAfter, e.now))
	}
}

// tlsNamesTheHost checks the host of --addr, if it is a name: clients compare the certificate with
// the name that they connect to.
func tlsNamesTheHost(e *examination) []Finding {
	if e.TLS == nil || e.TLS.Err != nil {
		return nil
	}
	host, _, err := net.SplitHostPort(e.Addr)
	if _, notIP := netip.ParseAddr(host); err != nil || host == "" || notIP == nil || e.TLS.Pair.Leaf.VerifyHostname(host) == nil {
		return nil
	}
	return warn("Use a certificate for the name that clients connect to.",
		"the certificate of --tls-cert is for %s and not for %s, the host of --addr: clients that connect to that name refuse it", quoted(namesOf(e.TLS.Pair.Leaf)), quoted(host))
}

// tlsIsTrusted checks whether the certificates lead to an authority that this machine trusts.
func tlsIsTrusted(e *examination) []Finding {
	if e.TLS == nil || e.TLS.Err != nil {
		return nil
	}
	leaf, intermediates := e.TLS.Pair.Leaf, x509.NewCertPool()
	for _, der := range e.TLS.Pair.Certificate[1:] {
		if one, err := x509.ParseCertificate(der); err == nil {
			intermediates.AddCert(one)
		}
	}
	within := leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 2) // tlsWorks checks the dates
	if _, err := leaf.Verify(x509.VerifyOptions{Intermediates: intermediates, CurrentTime: within}); err == nil {
		return nil
	}
	if len(e.TLS.Pair.Certificate) == 1 && !bytes.Equal(leaf.RawIssuer, leaf.RawSubject) {
		return warn("Append the certificates of the intermediate authorities to the file of --tls-cert. Authorities often call that file the full chain.",
			"the file of --tls-cert has only the certificate of the server, and this machine does not know who signed it: clients refuse it unless they know the intermediate authority")
	}
	return warn("Use a certificate of an authority that the clients trust, or let them trust this one.",
		"the certificate of --tls-cert leads to no authority that this machine trusts")
}

// namesOf returns the names and addresses that a certificate is for.
func namesOf(leaf *x509.Certificate) string {
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name"
	}
	return strings.Join(names, ", ")
}
