package main

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestModelOfForm: a key that is for some models only is checked against the model that a form names.
func TestModelOfForm(t *testing.T) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	file, err := w.CreateFormFile("model", "model")
	require.NoError(t, err)
	_, err = file.Write([]byte("no"))
	require.NoError(t, err)
	require.NoError(t, w.WriteField("model", "whisper-1"))
	require.NoError(t, w.Close())
	r := httptest.NewRequest(http.MethodPost, "/v1/audio/transcriptions", nil)
	r.Header.Set("Content-Type", w.FormDataContentType())
	require.Equal(t, "whisper-1", modelOf(r, b.Bytes()))
	require.Empty(t, modelOf(r, b.Bytes()[:40]))
}
