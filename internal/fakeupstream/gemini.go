package fakeupstream

import "net/http"

// generate answers as Gemini does: candidates without thoughts, the prompt with its cache but without
// the prompts of tools. A stream has running totals in every part; it is SSE with ?alt=sse, else a JSON array.
func (x *exchange) generate() error {
	x.bill.Input -= x.bill.CacheWrite
	x.bill.CacheWrite, x.bill.CacheWrite1h = 0, 0
	b := x.bill
	tool := min(b.Input-b.CacheRead, x.toolPrompt)
	part := func(text string, finish any, output int64) object {
		said := object{"text": text}
		if x.tool != nil && finish != nil {
			said = object{"functionCall": object{"name": x.tool.Name, "args": x.tool.Arguments}}
		}
		candidate := object{"index": 0, "content": object{"role": "model", "parts": []any{said}}}
		if finish != nil {
			candidate["finishReason"] = finish
		}
		usage := object{
			"promptTokenCount": b.Input - tool, "toolUsePromptTokenCount": tool, "cachedContentTokenCount": b.CacheRead,
			"promptTokensDetails": []any{object{"modality": "TEXT", "tokenCount": b.Input - tool}},
			"totalTokenCount":     b.Input + b.Reasoning + output, "thoughtsTokenCount": b.Reasoning,
		}
		if output > 0 {
			usage["candidatesTokenCount"] = output
		}
		return object{"candidates": []any{candidate}, "usageMetadata": usage, "modelVersion": x.body.Model, "responseId": x.call.ID}
	}
	all := b.Output - b.Reasoning
	if !x.body.Stream {
		x.call.Reported = true
		x.json(http.StatusOK, part(x.text(), "STOP", all))
		return nil
	}
	send := func(v object) error { return x.event("", v) }
	if x.r.URL.Query().Get("alt") != "sse" {
		x.w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		between := "["
		send = func(v object) error {
			err := x.raw(between + marshal(v) + "\n")
			between = ","
			return err
		}
	}
	if x.tool != nil {
		x.words = nil
	}
	for i, word := range x.words {
		if err := send(part(word, nil, all*int64(i)/int64(len(x.words)))); err != nil {
			return err
		}
	}
	if err := send(part("", "STOP", all)); err != nil {
		return err
	}
	x.call.Reported = true
	if x.r.URL.Query().Get("alt") != "sse" {
		return x.raw("]")
	}
	return nil
}
