package answers

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
)

// Form is the content type of the requests that Multipart makes.
const Form = "multipart/form-data; boundary=----geckoformboundary7d1"

// Multipart is a form with a file and some fields, as browsers and SDKs send it.
func Multipart(file string, fields ...string) string {
	const boundary = "------geckoformboundary7d1"
	s := boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\nContent-Type: audio/mpeg\r\n\r\n" + file + "\r\n"
	for i := 0; i+1 < len(fields); i += 2 {
		s += boundary + "\r\nContent-Disposition: form-data; name=\"" + fields[i] + "\"\r\n\r\n" + fields[i+1] + "\r\n"
	}
	return s + boundary + "--\r\n"
}

// Message is one message of AWS's event stream.
func Message(headers, payload string) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(16+len(headers)+len(payload)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(headers)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	b = append(b, headers+payload...)
	return string(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)))
}

// MessageHeader is a header of a message.
func MessageHeader(name, value string) string {
	b := append([]byte{byte(len(name))}, name...)
	b = append(b, 7)
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	return string(b) + value
}

func chunk(document string) string {
	return Message(MessageHeader(":event-type", "chunk"), `{"bytes":"`+base64.StdEncoding.EncodeToString([]byte(document))+`","p":"abcdefgh"}`)
}

// recorded returns the record of a call of an operation.
func recorded(operation, model string, input, output int64) Recorded {
	r := Nothing(model, "", false)
	r.Operation, r.Input, r.Output = operation, input, output
	return r
}

func with(r Recorded, change func(*Recorded)) Recorded {
	change(&r)
	return r
}

const (
	eventStream = "application/vnd.amazon.eventstream"
	lines       = "application/x-ndjson"
	awsID       = "X-Amzn-Requestid"
)

func init() {
	Cases = append(Cases, mediaCases...)
	Cases = append(Cases, otherCases...)
}

var mediaCases = []Case{
	{
		Name: "image", Path: "/v1/images/generations", Kind: JSON, Request: `{"model":"gpt-image-1","prompt":"usage"}`,
		Body: `{"created":1713833628,"data":[{"b64_json":"iVBORw0KGgo"}],"usage":{"total_tokens":100,"input_tokens":50,"output_tokens":50,"input_tokens_details":{"text_tokens":10,"image_tokens":40}}}`,
		Want: with(recorded("image_generation", "gpt-image-1", 50, 50), func(r *Recorded) { r.ImageInput, r.ImageOutput = 40, 50 }),
	},
	{
		Name: "image with text in its output and a cache", Path: "/v1/images/edits", Kind: JSON, RequestKind: Form, Request: Multipart("\x89PNG\r\n--", "model", "gpt-image-1.5", "prompt", "x"),
		Body: `{"data":[],"usage":{"total_tokens":180,"input_tokens":100,"output_tokens":80,"input_tokens_details":{"text_tokens":10,"image_tokens":90,"cached_tokens":64,"cached_tokens_details":{"image_tokens":60,"text_tokens":4}},"output_tokens_details":{"image_tokens":70,"text_tokens":10}}}`,
		Want: with(recorded("image_generation", "gpt-image-1.5", 100, 80), func(r *Recorded) {
			r.ImageInput, r.ImageRead, r.ImageOutput, r.Read = 90, 60, 70, 64
		}),
	},
	{
		Name: "image of a model that sends no usage", Path: "/v1/images/variations", Kind: JSON, RequestKind: Form, Request: Multipart("x", "model", "dall-e-2"),
		Body: `{"created":1,"data":[{"url":"https://images.example/usage"}]}`, Want: recorded("image_generation", "dall-e-2", Unknown, Unknown),
	},
	{
		Name: "image streamed", Path: "/openai/deployments/paint/images/generations?api-version=1", Kind: SSE, Request: `{"stream":true,"partial_images":1}`,
		Body: "event: image_generation.partial_image\ndata: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"AAAA\",\"partial_image_index\":0}\n\n" +
			"event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\",\"b64_json\":\"BBBB\",\"usage\":{\"total_tokens\":100,\"input_tokens\":50,\"output_tokens\":50,\"input_tokens_details\":{\"text_tokens\":50,\"image_tokens\":0}}}\n\n",
		Want: with(recorded("image_generation", "paint", 50, 50), func(r *Recorded) { r.ImageOutput, r.Stream = 50, true }),
	},
	{
		Name: "Imagen", Path: "/v1beta/models/imagen-4.0-generate-001:predict", Kind: JSON, Request: `{"instances":[{"prompt":"x"}]}`,
		Body: `{"predictions":[{"mimeType":"image/png","bytesBase64Encoded":"AA"}]}`, Want: recorded("image_generation", "imagen-4.0-generate-001", Unknown, Unknown),
	},
	{
		Name: "transcription", Path: "/v1/audio/transcriptions", Kind: JSON, RequestKind: Form,
		Request: Multipart("ID3\r\n------geckoformboundary7d\r\n\r\nname=\"model\"", "model", "gpt-4o-transcribe", "language", "en"),
		Body:    `{"text":"Imagine \"usage\":{}","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":2,"audio_tokens":12},"output_tokens":45,"total_tokens":59}}`,
		Want:    with(recorded("transcription", "gpt-4o-transcribe", 14, 45), func(r *Recorded) { r.AudioInput = 12 }),
	},
	{
		Name: "transcription by its seconds", Path: "/openai/v1/audio/transcriptions", Kind: JSON, RequestKind: Form, Request: Multipart("x", "model", "whisper-1"),
		Body: `{"text":"x","usage":{"type":"duration","seconds":27.5}}`,
		Want: with(recorded("transcription", "whisper-1", Unknown, Unknown), func(r *Recorded) { r.Seconds = 27.5 }),
	},
	{
		Name: "seconds that cannot be", Path: "/v1/audio/transcriptions", Kind: JSON, RequestKind: Form, Request: Multipart("x", "model", "whisper-1"),
		Body: `{"text":"x","usage":{"type":"duration","seconds":-3}}`,
		Want: with(recorded("transcription", "whisper-1", Unknown, Unknown), func(r *Recorded) { r.Quality = []string{"inconsistent"} }),
	},
	{
		Name: "transcription streamed", Path: "/v1/audio/transcriptions", Kind: SSE, RequestKind: Form, Request: Multipart("x", "stream", "true", "model", "gpt-4o-mini-transcribe"),
		Body: "data: {\"type\":\"transcript.text.delta\",\"delta\":\"usage\"}\n\ndata: {\"type\":\"transcript.text.done\",\"text\":\"usage\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":14,\"input_token_details\":{\"text_tokens\":0,\"audio_tokens\":14},\"output_tokens\":4,\"total_tokens\":18}}\n\n",
		Want: with(recorded("transcription", "gpt-4o-mini-transcribe", 14, 4), func(r *Recorded) { r.AudioInput, r.Stream = 14, true }),
	},
	{
		Name: "transcription as text", Path: "/v1/audio/translations", Kind: "text/plain", RequestKind: Form, Request: Multipart("x", "model", "whisper-1", "response_format", "srt"),
		Body: "1\n00:00:00,000 --> 00:00:01,000\nusage\n", Want: recorded("transcription", "whisper-1", Unknown, Unknown),
	},
	{
		Name: "speech", Path: "/v1/audio/speech", Kind: "audio/mpeg", Request: `{"model":"tts-1","input":"x","voice":"alloy"}`,
		Body: "{\"usage\":{\"input_tokens\":1}}\xff\xfb\x90", Want: recorded("speech", "tts-1", Unknown, Unknown),
	},
	{
		Name: "speech streamed as events", Path: "/v1/audio/speech", Kind: SSE, Request: `{"model":"gpt-4o-mini-tts","input":"x","voice":"alloy","stream_format":"sse"}`,
		Body: "data: {\"type\":\"speech.audio.delta\",\"audio\":\"AAAA\"}\n\ndata: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":14,\"output_tokens\":101,\"total_tokens\":115}}\n\n",
		Want: with(recorded("speech", "gpt-4o-mini-tts", 14, 101), func(r *Recorded) { r.AudioOutput, r.Stream = 101, true }),
	},
	{
		Name: "speech that breaks off", Path: "/v1/audio/speech", Kind: SSE, Request: `{"model":"gpt-4o-mini-tts"}`,
		Body: "data: {\"type\":\"speech.audio.delta\",\"audio\":\"AAAA\"}\n\n",
		Want: with(recorded("speech", "gpt-4o-mini-tts", Unknown, Unknown), func(r *Recorded) { r.Failure, r.Stream = "stream_cut", true }),
	},
	{
		Name: "chat with audio", Path: "/v1/chat/completions", Kind: JSON, Request: `{"model":"gpt-4o-audio-preview"}`,
		Body: `{"id":"c","model":"gpt-4o-audio-preview","choices":[],"usage":{"prompt_tokens":20,"completion_tokens":30,"total_tokens":50,"prompt_tokens_details":{"audio_tokens":12},"completion_tokens_details":{"audio_tokens":25}}}`,
		Want: with(recorded("", "gpt-4o-audio-preview", 20, 30), func(r *Recorded) { r.AudioInput, r.AudioOutput, r.ID = 12, 25, "c" }),
	},
}
