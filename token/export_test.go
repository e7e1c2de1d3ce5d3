package token

import (
	"maps"

	"github.com/golang-jwt/jwt/v5"
)

// Sentinels are all sentinel errors. Tests check that an error matches exactly one of them.
var Sentinels = sentinels

// SignatureCheck is one use of an algorithm's arithmetic.
type SignatureCheck struct {
	Algorithm Algorithm
	Signature string
	Key       any // the []byte or public key that it was checked with
}

// recorder records the signatures that its method checks.
type recorder struct {
	jwt.SigningMethod
	alg    Algorithm
	record func(SignatureCheck)
}

func (r recorder) Verify(input string, signature []byte, key any) error {
	r.record(SignatureCheck{r.alg, string(signature), key})
	return r.SigningMethod.Verify(input, signature, key)
}

// RecordSignatureChecks runs f and returns the signatures that were checked meanwhile. No
// other test may verify tokens at the same time.
func RecordSignatureChecks(f func()) (checks []SignatureCheck) {
	before := maps.Clone(algorithms)
	defer func() { algorithms = before }()
	algorithms = maps.Clone(algorithms)
	for alg, known := range algorithms {
		known.method = recorder{known.method, alg, func(c SignatureCheck) { checks = append(checks, c) }}
		algorithms[alg] = known
	}
	f()
	return checks
}

// Kept returns how many issuers are kept: those with a Verifier and those without one.
func (i *Issuers) Kept() (known, unknown int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.answers.known), len(i.answers.unknown)
}
