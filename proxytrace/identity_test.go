package proxytrace

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRequestIDOfCLIProxyAPI(t *testing.T) {
	for _, tc := range []struct{ trace, other, brought, want string }{
		{"20261122221151-552621c7783b2593-2c7bc0f3", "", "", "552621c7783b2593-2c7bc0f3"},
		{"20261122221151-552621c7783b2593-0199b012-3456-7890-abcd-0123456789ab", "", "", "552621c7783b2593-0199b012-3456-7890-abcd-0123456789ab"},
		{"20261122221151-552621c7783b2593-2c7bc0f3", "req_1", "", "552621c7783b2593-2c7bc0f3"},
		{"", "req_1", "", "req_1"},
		{"nonsense", "req_1", "", "req_1"},
		{"one-two", "req_1", "", "req_1"},
		{"20261122221151-552621c7783b2593-2c7bc0f3", "req_1", "20261122221151-552621c7783b2593-2c7bc0f3", "req_1"},
	} {
		request, response := http.Header{}, http.Header{}
		response.Set("X-Cpa-Trace-Id", tc.trace)
		request.Set("X-Cpa-Trace-Id", tc.brought)
		response.Set("X-Request-Id", tc.other)
		require.Equal(t, tc.want, requestID(request, response), tc.trace)
	}
}
