--
-- PostgreSQL database dump
--

\restrict EcN2et2f303S98EC1L6MaLRerBOwjDBYguuyM01vPBfIf1LbLQtKsEnaNHzitym

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: logs; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.logs (
    id bigint NOT NULL,
    user_id bigint,
    created_at bigint,
    type bigint,
    content text,
    username text,
    token_name text,
    model_name text,
    quota bigint,
    prompt_tokens bigint,
    completion_tokens bigint,
    use_time bigint,
    is_stream boolean,
    channel_id bigint,
    token_id bigint,
    "group" text,
    ip text,
    request_id text,
    other text
);


ALTER TABLE public.logs OWNER TO postgres;

--
-- Name: other; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.other (
    id bigint,
    model_name text
);


ALTER TABLE public.other OWNER TO postgres;

--
-- Data for Name: logs; Type: TABLE DATA; Schema: public; Owner: postgres
--

INSERT INTO public.logs VALUES (1, 1, 1768809600, 2, '', 'alice', 'laptop', 'gpt-4o', 1500, 120, 30, 2, true, 3, 7, 'default', '', '20260119080000000001', '{"model_ratio": 1.25, "cache_tokens": 100, "cache_ratio": 0.5, "frt": 500, "request_path": "/v1/chat/completions", "admin_info": {"use_channel": ["3"]}}');
INSERT INTO public.logs VALUES (2, 1, 1768809610, 2, 'line 1
line 2	tab
\N ''quoted''); DROP', 'bob', 'it''s "bob"; \ 中文', 'claude-sonnet-4-5', 900, 6, 20, 2, false, 3, 7, 'team-b', '', '', '{"claude": true, "usage_semantic": "anthropic", "cache_tokens": 800, "cache_creation_tokens": 50, "cache_creation_tokens_5m": 10, "cache_creation_tokens_1h": 40}');
INSERT INTO public.logs VALUES (3, 1, 1768809620, 5, 'status_code=429, rate limited', 'alice', 'laptop', 'gpt-4o-mini', 0, 0, 0, 2, true, 3, 7, 'default', '', '', '{"error_type": "openai_error", "error_code": "rate_limit_exceeded", "status_code": 429, "channel_id": 3}');
INSERT INTO public.logs VALUES (4, 1, 1768809630, 1, '充值 500000', 'alice', '', '', 0, 0, 0, 2, true, 3, 0, 'default', '', '', '');
INSERT INTO public.logs VALUES (5, 1, 1768809640, 3, '管理员', 'alice', 'laptop', '', 0, 0, 0, 2, true, 3, 7, 'default', '', '', '');
INSERT INTO public.logs VALUES (6, 1, 1768809650, 2, '', 'alice', 'laptop', 'alias', 1500, 120, 30, 2, true, 3, 7, 'default', '', 'r6', '{"upstream_model_name": "deepseek-chat", "is_model_mapped": true, "input_tokens_total": 120, "cache_tokens": 20}');
INSERT INTO public.logs VALUES (7, 1, 1768809660, 2, '', 'alice', 'laptop', 'gpt-4o', 0, 10, 5, 2, true, 3, 7, 'default', '', '', '');
INSERT INTO public.logs VALUES (8, 1, 1768809660, 2, '', 'alice', 'laptop', 'gpt-4o', 0, 10, 5, 2, true, 3, 7, 'default', '', '', '');
INSERT INTO public.logs VALUES (9, 1, 1768809680, 6, '退款', 'alice', 'laptop', 'gpt-4o', -100, 0, 0, 2, true, 3, 7, 'default', '', '', '');


--
-- Data for Name: other; Type: TABLE DATA; Schema: public; Owner: postgres
--

INSERT INTO public.other VALUES (1, 'not a call; '');');


--
-- Name: logs logs_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.logs
    ADD CONSTRAINT logs_pkey PRIMARY KEY (id);


--
-- Name: idx_created_at_type; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX idx_created_at_type ON public.logs USING btree (created_at, type);


--
-- PostgreSQL database dump complete
--

\unrestrict EcN2et2f303S98EC1L6MaLRerBOwjDBYguuyM01vPBfIf1LbLQtKsEnaNHzitym

