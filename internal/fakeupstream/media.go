package fakeupstream

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
)

// form reads the fields of a multipart request into the same structure as the fields of JSON.
func (x *exchange) form(raw []byte) {
	kind, params, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return
	}
	for parts := multipart.NewReader(bytes.NewReader(raw), params["boundary"]); ; {
		part, err := parts.NextPart()
		if err != nil {
			return
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return
		}
		switch {
		case part.FileName() != "":
		case part.FormName() == "model":
			x.body.Model = string(value)
		case part.FormName() == "stream":
			x.body.Stream = string(value) == "true"
		}
	}
}

// media serves OpenAI's APIs of images, sound and judgements; false where the path is none of them.
func (x *exchange) media(path string) bool {
	for end, answer := range map[string]func() error{
		"/images/generations": x.images, "/images/edits": x.images, "/audio/transcriptions": x.transcription, "/audio/translations": x.translation,
		"/audio/speech": x.speech, "/moderations": x.moderation,
	} {
		if strings.HasSuffix(path, end) {
			x.bill.CacheRead, x.bill.CacheWrite, x.bill.CacheWrite1h, x.bill.Reasoning = 0, 0, 0, 0
			x.serve(end[strings.LastIndexByte(end, '/')+1:], answer)
			return true
		}
	}
	switch {
	case x.r.Method == http.MethodPost && strings.HasSuffix(path, "/messages/batches"):
		x.json(http.StatusOK, object{"id": "msgbatch_1", "type": "message_batch", "processing_status": "in_progress", "request_counts": object{"processing": 1}})
	case x.r.Method == http.MethodPost && strings.HasSuffix(path, "/batches"):
		x.json(http.StatusOK, object{"id": "batch_" + strconv.FormatInt(x.u.ids.Add(1), 10), "object": "batch", "status": "validating"})
	case x.r.Method == http.MethodGet && strings.Contains(path, "/batches/"):
		x.batch(path[strings.LastIndexByte(path, '/')+1:])
	default:
		return false
	}
	return true
}

// partly splits a number of tokens into tokens of a kind and text tokens.
func partly(n int64) (kind, text int64) { return n - n/3, n / 3 }

func (x *exchange) images() error {
	x.bill.Image, _ = partly(x.bill.Input)
	x.bill.ImageOutput = x.bill.Output
	usage := object{
		"input_tokens": x.bill.Input, "output_tokens": x.bill.Output, "total_tokens": x.bill.Input + x.bill.Output,
		"input_tokens_details": object{"image_tokens": x.bill.Image, "text_tokens": x.bill.Input - x.bill.Image},
	}
	if strings.HasPrefix(x.body.Model, "dall-e") {
		x.json(http.StatusOK, object{"created": 1, "data": []any{object{"url": "https://images.example/1.png"}}})
		return nil
	}
	if !x.body.Stream {
		x.call.Reported = true
		x.json(http.StatusOK, object{"created": 1, "data": []any{object{"b64_json": "iVBORw0KGgo="}}, "usage": usage})
		return nil
	}
	err := inOrder(
		func() error {
			return x.event("image_generation.partial_image", object{"type": "image_generation.partial_image", "b64_json": "iVBO", "partial_image_index": 0})
		},
		func() error {
			return x.event("image_generation.completed", object{"type": "image_generation.completed", "b64_json": "iVBORw0KGgo=", "usage": usage})
		},
	)
	x.call.Reported = err == nil
	return err
}

func (x *exchange) transcription() error {
	if x.body.Model == "whisper-1" {
		x.json(http.StatusOK, object{"text": x.text(), "usage": object{"type": "duration", "seconds": 27}})
		return nil
	}
	var text int64
	x.bill.Audio, text = partly(x.bill.Input)
	usage := object{
		"type": "tokens", "input_tokens": x.bill.Input, "output_tokens": x.bill.Output, "total_tokens": x.bill.Input + x.bill.Output,
		"input_token_details": object{"audio_tokens": x.bill.Audio, "text_tokens": text},
	}
	if !x.body.Stream {
		x.call.Reported = true
		x.json(http.StatusOK, object{"text": x.text(), "usage": usage})
		return nil
	}
	for _, word := range x.words {
		if err := x.event("", object{"type": "transcript.text.delta", "delta": word}); err != nil {
			return err
		}
	}
	err := x.event("", object{"type": "transcript.text.done", "text": x.text(), "usage": usage})
	x.call.Reported = err == nil
	return err
}

func (x *exchange) translation() error {
	x.json(http.StatusOK, object{"text": x.text()})
	return nil
}

func (x *exchange) speech() error {
	x.bill.AudioOutput = x.bill.Output
	if x.body.StreamFormat != "sse" {
		x.w.Header().Set("Content-Type", "audio/mpeg")
		_, err := io.WriteString(x.w, "ID3{\"usage\":{\"input_tokens\":1}}\xff\xfb\x90")
		return err
	}
	err := inOrder(
		func() error { return x.event("", object{"type": "speech.audio.delta", "audio": "SUQz"}) },
		func() error {
			return x.event("", object{"type": "speech.audio.done", "usage": object{
				"input_tokens": x.bill.Input, "output_tokens": x.bill.Output, "total_tokens": x.bill.Input + x.bill.Output,
			}})
		},
	)
	x.call.Reported, x.call.Stream = err == nil, true
	return err
}

func (x *exchange) moderation() error {
	x.bill = Bill{}
	x.json(http.StatusOK, object{"id": x.call.ID, "model": x.body.Model, "results": []any{object{"flagged": false, "categories": object{}, "category_scores": object{}}}})
	return nil
}

// batch answers what has become of a batch: it is completed, and spent once, however often it is asked for.
func (x *exchange) batch(id string) {
	x.body.Model = "gpt-4o-batched"
	x.bill = Bill{Input: 300, CacheRead: 200, Output: 80, Reasoning: 60}
	x.u.mu.Lock()
	again := x.u.batches[id]
	if x.u.batches == nil {
		x.u.batches = map[string]bool{}
	}
	x.u.batches[id] = true
	if !again {
		x.u.served = append(x.u.served, Served{API: "batch", Model: x.body.Model, ID: id, Key: keyOf(x.r), Status: http.StatusOK, Reported: true, Bill: x.bill})
	}
	x.u.mu.Unlock()
	x.json(http.StatusOK, object{
		"id": id, "object": "batch", "status": "completed", "model": x.body.Model, "usage": object{
			"input_tokens": x.bill.Input, "input_tokens_details": object{"cached_tokens": x.bill.CacheRead},
			"output_tokens": x.bill.Output, "output_tokens_details": object{"reasoning_tokens": x.bill.Reasoning}, "total_tokens": x.bill.Input + x.bill.Output,
		},
	})
}
