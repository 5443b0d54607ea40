package guard

import (
	"net/http"
)

// ContentSecurity lets the console's pages load nothing but their own files.
const ContentSecurity = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// permissionsPolicy turns off what the pages never use. They write to the clipboard and may fill the screen.
const permissionsPolicy = "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), display-capture=(), encrypted-media=(), " +
	"geolocation=(), gyroscope=(), hid=(), idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), payment=(), " +
	"picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()"

// strictTransport makes browsers use TLS for a year. Other names of the domain are not the console's to decide about.
const strictTransport = "max-age=31536000"

// securityHeaders sets the headers of every answer for browsers.
func (c *Guard) securityHeaders(h http.Header, r *http.Request) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", ContentSecurity)
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", permissionsPolicy)
	if c.overTLS(r) && !loopbackHost(r.Host) { // localhost is shared with every other program of the machine
		h.Set("Strict-Transport-Security", strictTransport)
	}
}

// overTLS reports whether browsers reach the console over TLS: its own, or the TLS of the proxy in front of it.
func (c *Guard) overTLS(r *http.Request) bool {
	return r.TLS != nil || c.Secure
}
