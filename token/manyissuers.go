package token

// ManyIssuers reports whether tokens of more than one issuer can be good, so that a subject
// does not identify a user without the issuer. It is false if Options.Issuers has one issuer.
// It is also false for a shared secret without Options.Issuers, because any holder of the
// secret can issue tokens for any subject. It may be called concurrently.
func (v *Verifier) ManyIssuers() bool {
	if known, fixed := v.byIssuer.(fixedIssuers); fixed {
		return len(known) > 1
	}
	if n := len(v.opts.Issuers); n > 0 {
		return n > 1
	}
	return v.byIssuer != nil || v.opts.InsecureNoIssuer || !v.static
}

// ManyIssuers returns true: see Verifier.ManyIssuers.
func (i *Issuers) ManyIssuers() bool { return true }
