package token

import (
	"crypto/sha256"
	"fmt"
	"time"
)

// Rules are Options without keys. They decide about claims that another party asserts, such
// as the response of an introspection endpoint (RFC 7662). Make them with NewRules. They may
// be used concurrently, and the zero Rules refuse everything.
type Rules struct{ v *Verifier }

// NewRules returns the rules of opts. It fails with ErrOptions if opts contradict each
// other, if neither Audiences, AudiencePattern nor InsecureNoAudience is set, and if an
// option is set that needs a signed token: Type, MaxRemembered, InsecureShortSecret or
// InsecureNoIssuer. Issuers may be empty, because the caller knows which party asserts the
// claims.
func NewRules(opts Options) (Rules, error) {
	signed := opts.Type != "" || opts.MaxRemembered != 0 || opts.InsecureShortSecret || opts.InsecureNoIssuer
	opts, err := opts.withDefaults()
	switch {
	case err != nil:
		return Rules{}, err
	case signed:
		return Rules{}, fmt.Errorf("%w: Type, MaxRemembered, InsecureShortSecret and InsecureNoIssuer do not apply without a signed token", ErrOptions)
	case !opts.asksForAudience() && !opts.InsecureNoAudience:
		return Rules{}, fmt.Errorf("%w: claims that another party asserts need Audiences", ErrOptions)
	}
	return Rules{&Verifier{opts: opts, names: opts.named()}}, nil
}

// Accept returns the Token of a credential, as New does, if its claims are good by the
// rules. Otherwise it returns the error that a Verifier returns for a signed token with such
// claims.
func (r Rules) Accept(credential string, claims []byte) (*Token, error) {
	if r.v == nil || credential == "" {
		return nil, fmt.Errorf("%w: the credential is empty, or the Rules are", ErrMalformed)
	}
	raw := string(claims)
	hash := sha256.Sum256([]byte(credential))
	c, err := r.v.checkClaims(claims, raw, "", hash)
	if err != nil {
		return nil, err
	}
	t := c.token(raw, r.v.validUntil(c))
	t.Hash = hash
	return t, nil
}

// token returns the Token of claims that were checked. raw is their JSON, and until when
// the token ends; zero means never.
func (c claims) token(raw string, until time.Time) *Token {
	return &Token{
		Issuer: c.issuer, Subject: c.subject, ID: c.id, SessionID: c.session,
		until: endAt(until), claims: raw,
	}
}
