package doctor

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"socketiojwt/internal/display"
	"socketiojwt/internal/wirejson"
)

// issuersPublishKeys checks each issuer.
func issuersPublishKeys(e *examination) (found []Finding) {
	for _, a := range e.issuers {
		found = append(found, slices.Concat(
			keysAreThere(a), keysAreWellFormed(a), keysAreNotLeaked(a), keysHaveIDs(a), idsAreUnique(a),
			answersAreFast(a), clocksAgree(a, e.Leeway), certificatesLast(a, e.now),
		)...)
	}
	return found
}

// keysAreThere reports which keys serve would use, or why there are none.
func keysAreThere(a *asked) []Finding {
	if a.err == nil {
		good := usable(a.keys)
		return ok("%s publishes %s at %s, of which %d can be used: %s", a, Count(a.listed, "key"), address(a.replies[len(a.replies)-1].url), len(good), list(good))
	}
	where := ""
	if n := len(a.replies); n > 0 {
		where = "; the last request was for " + address(a.replies[n-1].url)
	}
	return fail(issuerAdvice(a), "no keys from %s: %s%s", a, Plain(a.err), where)
}

// issuerAdvice says what to do if an issuer's keys cannot be fetched.
func issuerAdvice(a *asked) string {
	if len(a.replies) == 0 {
		return "Give --issuer as the https URL that is the iss of its tokens."
	}
	if untrusted := (*tls.CertificateVerificationError)(nil); errors.As(a.err, &untrusted) {
		return "This machine does not trust the issuer's certificate: renew it, or add its authority (SSL_CERT_FILE)."
	}
	if name := a.otherName(); name != "" {
		return fmt.Sprintf("If you trust that issuer, give --issuer %s, spelled exactly so.", quoted(name))
	}
	if target := a.replies[len(a.replies)-1].redirect(); target != nil {
		return fmt.Sprintf("Redirects to another origin, here to %s, are not followed. Give --issuer as the iss of its tokens has it.", address(target))
	}
	return "Check that --issuer is spelled as the iss of its tokens, and that this machine can reach it (DNS, firewall, HTTPS_PROXY). " +
		"Until there are keys, its tokens are refused as temporary. --public-key takes the key from a file instead."
}

// otherName returns the issuer that the metadata names, if it is not the one that was
// asked.
func (a *asked) otherName() string {
	for _, r := range a.replies {
		var metadata struct {
			Issuer string `json:"issuer"`
		}
		if wirejson.Unmarshal(r.body.Bytes(), &metadata) == nil && metadata.Issuer != "" && metadata.Issuer != a.name {
			return metadata.Issuer
		}
	}
	return ""
}

// answersAreFast checks that serve, which waits for less time than doctor, gets the keys.
func answersAreFast(a *asked) []Finding {
	const most = 5 * time.Second // the default of jwks.Options.Timeout
	var all time.Duration
	for _, r := range a.replies {
		all += r.took()
	}
	const advice = "Find out what is slow between this machine and the issuer."
	text := fmt.Sprintf("fetching the keys took %v; serve gives up after %v", all.Round(time.Millisecond), most)
	switch {
	case a.err != nil || all <= most/2:
		return nil
	case all <= most:
		return warn(advice, "%s", text)
	}
	return fail(advice, "%s", text)
}

// clocksAgree compares the issuer's clock with the one here. It uses the response that
// differs least, because others may come from a cache.
func clocksAgree(a *asked, leeway time.Duration) []Finding {
	var apart []time.Duration
	for _, r := range a.replies {
		if date, err := http.ParseTime(r.header.Get("Date")); err == nil {
			age, _ := strconv.ParseInt(r.header.Get("Age"), 10, 32) // 0 if there is none
			apart = append(apart, ahead(r.sent, r.received, date.Add(time.Duration(max(age, 0))*time.Second)))
		}
	}
	if len(apart) == 0 {
		return nil
	}
	least := slices.MinFunc(apart, func(a, b time.Duration) int { return cmp.Compare(a.Abs(), b.Abs()) })
	relation := "ahead of"
	if least < 0 {
		relation = "behind"
	}
	const advice = "Synchronize both clocks by NTP: they decide when tokens begin and end."
	text := fmt.Sprintf("the clock here is %s %s the issuer's", display.Duration(least.Abs()), relation)
	switch {
	case least.Abs() > leeway:
		return fail(advice, "%s, more than the leeway of %v: good tokens are refused", text, leeway)
	case least.Abs() > leeway/2:
		return warn(advice, "%s; the leeway is %v", text, leeway)
	}
	return ok("the issuer's clock agrees with the one here")
}

// ahead returns how far the clock here is at least ahead of a clock that showed date
// between sent and received. A Date has no fractions of a second.
func ahead(sent, received, date time.Time) time.Duration {
	switch next := date.Add(time.Second); {
	case received.Before(date):
		return received.Sub(date)
	case sent.After(next):
		return sent.Sub(next)
	}
	return 0
}

// certificatesLast finds a TLS certificate of the issuer that expires soon.
func certificatesLast(a *asked, now time.Time) []Finding {
	const soon = 14 * 24 * time.Hour
	for _, r := range a.replies {
		if c := r.certificate; c != nil && c.NotAfter.Sub(now) < soon {
			return warn("Renew it: afterwards no keys can be fetched, and tokens are refused as temporary.",
				"the certificate of %s expires %s", quoted(r.url.Host), display.Distance(c.NotAfter, now))
		}
	}
	return nil
}
