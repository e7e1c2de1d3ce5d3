package token

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unique"

	"socketiojwt/internal/wirejson"
)

// Verifier decides whether tokens are good. Make one with NewVerifier; its rules never
// change, and it is safe for concurrent use. The zero Verifier refuses every token.
type Verifier struct {
	keys   Keys
	static bool     // keys is a Key or a KeySet, not the caller's code
	opts   Options  // with defaults
	names  []string // the result of opts.named
	seen   *signatures

	oneKey bool      // keys is one Key without an ID, so that a token cannot choose a key
	chosen *sync.Map // from an Algorithm to the public Key that was chosen last, for decoyFor

	byIssuer issuers // of ByIssuer and ByIssuerFunc; of the other fields only opts.MaxSize, seen and chosen are then set
}

// NewVerifier returns a Verifier for tokens signed with keys. It fails with ErrKey if a key
// of a Key or KeySet cannot be used, and with ErrOptions if opts contradict each other or
// are unsafe for the keys. If keys have a method PublicKeys() bool and it returns true, all
// their keys are public, and NewVerifier checks opts for public keys.
func NewVerifier(keys Keys, opts Options) (*Verifier, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	var known []Key
	// The switch is on concrete types, because a struct that embeds a KeySet may override Key.
	switch keys := keys.(type) {
	case nil:
		return nil, fmt.Errorf("%w: there are no keys", ErrKey)
	case Key:
		known, err = []Key{keys}, keys.usable(opts.InsecureShortSecret)
	case KeySet:
		known, err = keys.all(), keys.usable(opts.InsecureShortSecret)
	case KeyFunc:
		if keys == nil {
			return nil, fmt.Errorf("%w: the KeyFunc is nil", ErrKey)
		}
	}
	if err != nil {
		return nil, err
	}
	if public, ok := keys.(interface{ PublicKeys() bool }); ok && public.PublicKeys() {
		if missing := opts.missingForPublic(); missing != "" {
			return nil, fmt.Errorf("%w: public keys need %s", ErrOptions, missing)
		}
	}
	if known != nil {
		if err := opts.fitKeys(known); err != nil {
			return nil, err
		}
	}
	one, fixed := keys.(Key)
	return &Verifier{
		keys: keys, static: known != nil, opts: opts, names: opts.named(), seen: &signatures{half: opts.MaxRemembered - opts.MaxRemembered/2},
		oneKey: fixed && one.ID() == "", chosen: new(sync.Map),
	}, nil
}

// Available reports whether a token could be good now. It is false only if keys have a
// method Available() bool and it returns false, because there is no key for any token. The
// Available of a jwks.Set does so if its issuer was never reached. For a Verifier made by
// ByIssuer, Available is false only while the keys of all issuers are unavailable. It stops
// at the first available issuer; Verify calls Available of an issuer whose keys are
// unavailable for a token. Available does not block, and may be called concurrently.
func (v *Verifier) Available() bool {
	if v.byIssuer == nil {
		keys, ok := v.keys.(interface{ Available() bool })
		return !ok || keys.Available()
	}
	return v.byIssuer.available()
}

// Verify returns the token if it is good, otherwise an error that matches one of the
// sentinels. It may be called concurrently. It may wait for a KeyFunc or other Keys of the
// caller, and for the Limiter of ctx (see WithLimiter). When ctx is done, it returns
// ErrKeysUnavailable.
//
// The checks go from cheap to expensive: size, form, header, key, algorithm, signature,
// claims. So the claims of a token that the key has not signed are not checked.
func (v *Verifier) Verify(ctx context.Context, compact string) (*Token, error) {
	u, err := parse(compact, v.opts.MaxSize)
	if err != nil {
		return nil, err
	}
	if refused := u.parsed.Get().refused; refused != nil {
		return nil, refused
	}
	signed := sha256.Sum256([]byte(u.parsed.Get().signingInput))
	by, err := v.findSigner(ctx, u, len(compact), signed)
	v.learn(by.key, u.Header.Algorithm)
	if err != nil {
		return nil, v.hideChoice(ctx, u, signed, err, by.arithmetic)
	}
	return by.verifier.accept(u, by.key, signed)
}

// accept returns the Token of u, which key has signed, if its claims are good.
func (v *Verifier) accept(u Unverified, key Key, signed digest) (*Token, error) {
	p := u.parsed.Get()
	raw := string(p.payload) // a copy of the exact size, because a Token lives as long as a socket
	c, err := v.checkClaims(p.payload, raw, u.Header.Type, signed)
	if err != nil {
		return nil, err
	}
	t := c.token(raw, earlier(v.validUntil(c), key.k.notAfter))
	t.header = unique.Make(u.Header)
	t.Hash = signed
	return t, nil
}

// checkClaims returns the claims of payload, for a token of type typ with this Hash, if they
// are good. raw is a copy of payload.
func (v *Verifier) checkClaims(payload []byte, raw, typ string, hash digest) (claims, error) {
	c, err := v.readClaims(payload, raw)
	if err != nil {
		return c, err
	}
	if err = v.checkTimes(c); err == nil {
		err = v.checkNames(c, typ)
	}
	if err != nil {
		return c, &signedError{err, c.issuer, c.subject, hash}
	}
	return c, nil
}

// checkTimes returns why the token is not good now.
func (v *Verifier) checkTimes(c claims) error {
	now, o := v.opts.Now(), v.opts
	switch {
	case c.expiresAt.IsZero() && !o.InsecureNoExpiry && !o.InsecureIgnoreExpiry:
		return fmt.Errorf("%w: exp", ErrClaimMissing)
	case c.issuedAt.IsZero() && o.MaxAge > 0:
		return fmt.Errorf("%w: iat", ErrClaimMissing)
	// RFC 7519, section 4.1.4: a token must not be accepted "on or after" exp.
	case !c.expiresAt.IsZero() && !o.InsecureIgnoreExpiry && !now.Before(c.expiresAt.Add(o.Leeway)):
		return fmt.Errorf("%w at %s", ErrExpired, c.expiresAt.Format(time.RFC3339))
	case !o.InsecureIgnoreNotBefore && now.Add(o.Leeway).Before(c.notBefore):
		return fmt.Errorf("%w before %s", ErrNotYetValid, c.notBefore.Format(time.RFC3339))
	// A token issued in the future has no meaningful age.
	case o.MaxAge > 0 && now.Add(o.Leeway).Before(c.issuedAt):
		return fmt.Errorf("%w before its iat, %s", ErrNotYetValid, c.issuedAt.Format(time.RFC3339))
	case o.MaxAge > 0 && !now.Before(c.issuedAt.Add(o.MaxAge).Add(o.Leeway)):
		return ErrMaxAge
	}
	return nil
}

// validUntil returns when checkTimes begins to refuse c, or zero if it never does.
func (v *Verifier) validUntil(c claims) time.Time {
	var until time.Time
	if !v.opts.InsecureIgnoreExpiry {
		until = c.expiresAt
	}
	if v.opts.MaxAge > 0 {
		until = earlier(until, c.issuedAt.Add(v.opts.MaxAge))
	}
	if until.IsZero() {
		return until
	}
	return until.Add(v.opts.Leeway)
}

// earlier returns the earlier of two times. Zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// checkNames returns why the token, of type typ, is not for this service.
func (v *Verifier) checkNames(c claims, typ string) error {
	o := v.opts
	switch {
	case !typeAccepted(o.Type, typ) && !(o.AllowUntyped && typeAccepted("JWT", typ)):
		return ErrType
	case len(o.Issuers) > 0 && !slices.Contains(o.Issuers, c.issuer):
		return fmt.Errorf("%w: %.200q", ErrIssuer, c.issuer)
	}
	if err := v.checkAudience(c); err != nil {
		return err
	}
	switch {
	case o.Subject != "" && c.subject != o.Subject:
		return ErrSubject
	case o.ID != "" && c.id != o.ID:
		return ErrID
	case o.Nonce != "":
		if nonce, ok := wirejson.Unquote(c.named["nonce"]); !ok || nonce != o.Nonce {
			return ErrNonce
		}
	}
	for _, name := range v.names {
		wanted, asked := o.Claims[name] // v.names has other claims too
		switch value, ok := wirejson.Unquote(c.named[name]); {
		case !asked || ok && value == wanted:
		case c.named[name] == "":
			return fmt.Errorf("%w: %.64q", ErrClaimMissing, name)
		default:
			return fmt.Errorf("%w: %.64q does not have the required value", ErrClaim, name)
		}
	}
	for _, name := range o.Required {
		if text := c.named[name]; text == "" || text == "null" || text == `""` {
			return fmt.Errorf("%w: %.64q", ErrClaimMissing, name)
		}
	}
	for _, name := range o.Absent {
		if c.named[name] != "" {
			return fmt.Errorf("%w: %.64q must not be present", ErrClaim, name)
		}
	}
	return nil
}

// checkAudience returns ErrAudience, or ErrClaim for a claim of the wrong type, unless the
// token is for this service.
func (v *Verifier) checkAudience(c claims) error {
	if !v.opts.asksForAudience() {
		return nil
	}
	audience := c.audience
	if name := v.opts.AudienceClaim; name != "aud" {
		audience = nil
		if text := c.named[name]; text != "" && text != "null" {
			var err error
			if audience, err = stringsClaim(name, text); err != nil {
				return err
			}
		}
	}
	if !slices.ContainsFunc(audience, v.opts.acceptsAudience) {
		return fmt.Errorf("%w: %.200q", ErrAudience, strings.Join(audience, " "))
	}
	return nil
}

// typeAccepted reports whether typ is the wanted type. By RFC 7515, section 4.1.9, typ is a
// media type, compared without regard to case. Its "application/" may be left out if no
// other slash follows.
func typeAccepted(wanted, typ string) bool {
	if wanted == "" {
		return typeAccepted("JWT", typ) || typeAccepted("at+jwt", typ)
	}
	if typ == "" {
		typ = "JWT" // a token without typ is treated as type JWT
	}
	wanted, typ = mediaType(wanted), mediaType(typ)
	return len(wanted) == len(typ) && strings.EqualFold(wanted, typ) // the lengths exclude U+017F, which folds to s but is longer
}

func mediaType(typ string) string {
	if strings.Contains(typ, "/") {
		return typ
	}
	return "application/" + typ
}
