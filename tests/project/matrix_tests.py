"""Which tests hold each cell of the matrix beside its probes: recordings, oracles, official clients, the simulator."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import cache

from project.documents import ROOT

Tests = tuple[str, ...]


def of(file: str, *names: str) -> Tests:
    """The ids of tests in a file below tests/, whose names are told without "test_"; one in a class with the class."""
    return tuple(
        f"tests/{file}.py::{name.replace('::', '::test_') if '::' in name else f'test_{name}'}" for name in names
    )


def unknown_among(ids: Iterable[str]) -> list[str]:
    """Those that are no tests of this repository."""
    return sorted({id for id in ids if id.partition("::")[2] not in _tests_in(id.partition("::")[0])})


@cache
def _tests_in(file: str) -> frozenset[str]:
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
    return frozenset(found)


RESPONSES = "conformance/test_recordings_responses"
COMPLETIONS = "conformance/test_recordings_chat"
MESSAGES = "conformance/test_recordings_messages"
CONTENTS = "conformance/test_recordings_gemini"
CONVERSE = "conformance/test_recordings_converse"
VECTORS = "conformance/test_recordings_embeddings"
MEDIA = "conformance/test_recordings_media"
BATCHES = "conformance/test_recordings_batch"
OPENAI = "simulator/test_openai_client"
OTHERS = "simulator/test_other_clients"
BOTO3 = "simulator/test_boto3_client"
CLOUDS = "simulator/test_cloud_clients"
HUGGING = "simulator/test_huggingface_client"
LABELS = "tasks/test_classify"
SERVICES = "providers/azure/test_services"
READ = "every_reply_decodes_to_what_independent_readers_found"
SPLIT = "streams_decode_to_the_same_however_they_are_split"
SENT = "every_recorded_request_is_read_and_encoded_again"

WHOLE = of("tasks/test_streaming", "what_comes_whole_from_everybody_is_said_to")
NO_PICTURES = of("tasks/test_streaming", "a_provider_that_streams_no_pictures_names_those_that_do")
NO_AGENT = of("tasks/test_streaming", "a_model_of_a_task_makes_no_agent")
NO_BATCH = of("tasks/test_batch", "models_without_batches_say_who_has_them")
PICTURES = of(MEDIA, "every_reply_with_pictures_decodes_to_what_independent_readers_found")
HEARD = of(MEDIA, "every_transcript_decodes_to_what_independent_readers_found")
KILLED = of("tasks/test_batch_killed", "a_client_that_is_killed_twice_goes_on_where_it_was")
STOPPED = of("tasks/test_batch_drive", "a_stop_at_any_step_submits_nothing_twice")
SEEN = of("tasks/test_batch", "pictures_travel_in_a_batch")
SEEN_IN_BUCKETS = of("tasks/test_bucket_batches", "pictures_travel_in_a_batch")
AS_CHATS = of("tasks/test_bucket_batches", "labels_pictures_and_transcripts_of_vertex_travel_as_chats")
IN_BUCKETS = (
    *of("tasks/test_bucket_batches", "each_input_has_its_answer_or_its_error_under_its_id"),
    *of("tasks/test_bucket_batch_killed", "a_client_that_is_killed_twice_goes_on_where_it_was"),
)
BY_CHAT = of(LABELS, "a_model_that_chats_is_held_to_the_labels_and_gives_no_scores")
RECORDED_LABELS = of(LABELS, "every_recorded_classification_decodes_to_what_independent_readers_found")
KINDS = "tasks/test_batch_kinds"
NO_KIND = of(KINDS, "a_kind_that_a_provider_has_no_batches_of_names_those_that_have")
NO_TASK = of(KINDS, "who_does_not_do_the_task_at_all_is_told_by_name")

OPENAI_STREAMS = of(RESPONSES, SPLIT) + of(COMPLETIONS, "every_stream_is_the_same_however_it_is_cut")

TESTS: Mapping[tuple[str, str], tuple[Tests, Tests, Tests, Tests]] = {
    ("OpenAI", "chat"): (
        of(RESPONSES, READ, SENT)
        + of(COMPLETIONS, "every_answer_is_read_as_independent_readers_read_it")
        + of("conformance/test_sdk_parity", "what_we_send_is_what_the_official_client_sends"),
        OPENAI_STREAMS + of(OPENAI, "a_response_streams_with_its_thinking"),
        of(BATCHES, "a_line_of_openai_is_that_which_was_recorded")
        + of("tasks/test_batch", "what_is_sent_to_openai_is_accepted_by_the_oracle")
        + of(OPENAI, "a_batch_is_uploaded_watched_and_read")
        + KILLED,
        of(OPENAI, "a_response_calls_tools_side_by_side_and_goes_on", "a_chat_calls_tools_side_by_side_and_goes_on")
        + of("conformance/test_quirks", "q12_strict_requires_every_property_and_lets_optional_ones_be_null"),
    ),
    ("OpenAI", "embedding"): (
        of(VECTORS, READ, "the_oracle_of_openai_accepts_every_request")
        + of("simulator/test_vectors", "openais_client_gets_vectors_and_moderations"),
        WHOLE,
        of(KINDS, "vectors_are_those_that_embed_gives", "vectors_cost_half_and_are_as_long_as_asked_for"),
        NO_AGENT,
    ),
    ("OpenAI", "image generation"): (
        PICTURES
        + of("tasks/test_generate_image", "edits_pictures_sent_as_a_form", "requests_are_accepted_by_the_oracle")
        + of("simulator/test_media", "pictures_are_made_and_edited"),
        of("tasks/test_generate_image", "tells_unfinished_pictures_while_they_are_made")
        + of("tasks/test_streaming", "a_picture_is_streamed_without_looks_at_it")
        + of("providers/test_media_hostile", "a_streamed_picture_is_the_same_in_every_split"),
        of(KINDS, "pictures_are_made_and_edited_by_openai"),
        of(
            "providers/openai/test_responses",
            "TestEncode::extra_tools_join_the_agents_own_and_replace_those_of_their_name",
            "TestEncode::pictures_that_a_model_made_are_shown_to_the_next_one_after_the_results",
        ),
    ),
    ("OpenAI", "speech-to-text"): (
        HEARD
        + of("tasks/test_transcribe", "requests_are_accepted_by_the_oracle")
        + of("simulator/test_media", "a_recording_is_heard_whole_and_in_pieces"),
        of(MEDIA, "a_streamed_transcript_is_the_same_in_every_split")
        + of("tasks/test_transcribe", "tells_the_text_as_it_comes")
        + of("tasks/test_streaming", "a_transcript_that_comes_whole_is_not_taken_for_a_stream"),
        NO_KIND,
        NO_AGENT,
    ),
    ("OpenAI", "classification"): (
        of(
            LABELS,
            "every_recorded_moderation_decodes_to_what_independent_readers_found",
            "the_oracle_of_openai_accepts_every_moderation",
            "decisions_are_asked_as_the_clients_of_the_vendors_ask",
        )
        + of("simulator/test_vectors", "openais_client_gets_decisions")
        + BY_CHAT,
        WHOLE,
        of(KINDS, "a_moderation_is_asked_of_the_providers_own_endpoint"),
        NO_AGENT,
    ),
    ("OpenAI", "vision"): (
        of("providers/openai/test_responses", "TestEncode::writes_media")
        + of("providers/openai/test_chat", "media_have_their_parts")
        + of("providers/openai/test_responses_server", "writes_requests_that_the_oracle_accepts"),
        OPENAI_STREAMS,
        SEEN,
        of("providers/openai/test_responses", "TestEncode::shows_pictures_that_a_tool_returned_and_mentions_sounds"),
    ),
    ("Anthropic", "chat"): (
        of(MESSAGES, READ, SENT) + of(OTHERS, "TestAnthropic::structured_output_is_read"),
        of(MESSAGES, SPLIT) + of(OTHERS, "TestAnthropic::an_answer_streams"),
        of(BATCHES, "every_recorded_reply_decodes_as_expected")
        + of("tasks/test_batch", "what_is_sent_to_anthropic_is_accepted_by_the_oracle_with_the_betas_of_all")
        + of("simulator/test_batches", "anthropics_client_makes_a_batch_and_reads_it")
        + STOPPED,
        of(OTHERS, "TestAnthropic::tools_are_called_and_the_answer_follows")
        + of("providers/anthropic/test_messages", "strict_tools_stay_within_what_one_request_may_hold"),
    ),
    ("Anthropic", "embedding"): (
        of("tasks/test_embed", "a_provider_without_embeddings_names_those_that_have_them"),
        WHOLE,
        NO_TASK,
        NO_AGENT,
    ),
    ("Anthropic", "image generation"): (
        of("tasks/test_generate_image", "what_a_provider_does_not_offer_is_refused"),
        NO_PICTURES,
        NO_TASK,
        NO_AGENT,
    ),
    ("Anthropic", "speech-to-text"): (
        of("tasks/test_transcribe", "what_a_model_does_not_offer_is_refused"),
        of("tasks/test_streaming", "a_transcript_that_comes_whole_is_not_taken_for_a_stream"),
        NO_TASK,
        NO_AGENT,
    ),
    ("Anthropic", "classification"): (
        of(LABELS, "a_name_chats_where_its_provider_has_no_endpoint_for_it")
        + of("providers/anthropic/test_messages", "holds_the_answer_to_a_schema")
        + BY_CHAT,
        WHOLE,
        of("tasks/test_batch", "tools_and_schemas_travel_in_a_batch"),
        NO_AGENT,
    ),
    ("Anthropic", "vision"): (
        of("providers/anthropic/test_messages_server", "writes_requests_that_the_oracle_accepts")
        + of("providers/anthropic/test_messages", "says_which_media_cannot_be_sent"),
        of(MESSAGES, SPLIT),
        SEEN,
        of(
            "providers/anthropic/test_messages",
            "a_tool_may_return_pictures_and_documents_and_is_told_of_sounds",
        ),
    ),
    ("Gemini API", "chat"): (
        of(CONTENTS, READ, SENT)
        + of("providers/google/test_generate_content_server", "writes_requests_that_the_oracle_accepts")
        + of("providers/google/test_google_sdk", "says_the_same_as_the_official_client"),
        of(CONTENTS, SPLIT) + of("providers/google/test_google_sdk", "the_official_client_reads_a_stream"),
        of(BATCHES, "every_recorded_reply_decodes_as_expected")
        + of("simulator/test_batches", "googles_client_makes_a_batch_and_reads_it")
        + STOPPED,
        of("providers/google/test_google_runs", "runs_tools_and_sends_signatures_back_in_their_places")
        + of(OTHERS, "TestGoogle::tools_are_called"),
    ),
    ("Gemini API", "embedding"): (
        of(VECTORS, READ, "the_oracle_of_gemini_accepts_every_request")
        + of("simulator/test_vectors", "googles_client_gets_vectors"),
        WHOLE,
        of(KINDS, "vectors_are_those_that_embed_gives"),
        NO_AGENT,
    ),
    ("Gemini API", "image generation"): (
        of(MEDIA, "pictures_that_gemini_draws_in_chats_are_found")
        + of("tasks/test_generate_image", "gemini_draws_one_picture_a_request"),
        of("tasks/test_streaming", "gemini_streams_the_parts_of_its_pictures"),
        of(KINDS, "geminis_pictures_travel_as_chats"),
        NO_AGENT,
    ),
    ("Gemini API", "speech-to-text"): (
        of("tasks/test_transcribe", "gemini_is_asked_for_the_words_alone")
        + of(
            "providers/google/test_transcripts",
            "times_and_speakers_are_asked_for_by_its_own_transcription",
            "a_config_of_ones_own_is_kept_and_its_transcript_read",
        ),
        of("providers/google/test_transcripts", "a_streamed_transcription_is_whole_at_its_end") + of(CONTENTS, SPLIT),
        of(KINDS, "transcripts_travel_as_chats_at_gemini_and_by_address_at_groq"),
        NO_AGENT,
    ),
    ("Gemini API", "classification"): (
        of(LABELS, "decisions_are_asked_as_the_clients_of_the_vendors_ask") + RECORDED_LABELS + BY_CHAT,
        WHOLE,
        of(KINDS, "labels_of_yours_travel_as_chats"),
        NO_AGENT,
    ),
    ("Gemini API", "vision"): (
        of("providers/google/test_generate_content", "sends_media_inline_or_by_address")
        + of("providers/google/test_generate_content_server", "writes_requests_that_the_oracle_accepts"),
        of(CONTENTS, SPLIT),
        SEEN,
        of(
            "providers/google/test_generate_content",
            "media_of_results_stand_inside_them_or_beside_them_for_older_models",
        ),
    ),
    ("Vertex AI", "chat"): (
        of(CONTENTS, READ)
        + of("providers/vertex/test_provider", "a_model_is_asked_in_its_project_and_region")
        + of(CLOUDS, "gemini_on_vertex_is_asked_by_google_s_client", "claude_on_vertex_is_asked_by_anthropic_s_client"),
        of(CONTENTS, SPLIT) + of("providers/vertex/test_provider", "a_run_goes_to_the_paths_of_vertex"),
        IN_BUCKETS + of("simulator/test_buckets", "google_s_client_makes_a_batch_of_vertex"),
        of("providers/vertex/test_provider", "a_run_goes_to_the_paths_of_vertex")
        + of("tasks/test_bucket_batches", "tools_travel_in_a_batch"),
    ),
    ("Vertex AI", "embedding"): (
        of(VECTORS, READ, "the_oracle_of_vertex_accepts_every_request")
        + of("tasks/test_embed", "vertex_is_asked_below_its_publisher_with_a_token"),
        WHOLE,
        of("tasks/test_bucket_batches", "vectors_come_under_the_ids_of_their_texts"),
        NO_AGENT,
    ),
    ("Vertex AI", "image generation"): (
        of("providers/test_media_codecs", "imagen_is_asked_by_predict_and_says_what_it_left_out")
        + of(MEDIA, "pictures_that_gemini_draws_in_chats_are_found"),
        of("tasks/test_streaming", "gemini_streams_the_parts_of_its_pictures"),
        AS_CHATS,
        NO_AGENT,
    ),
    ("Vertex AI", "speech-to-text"): (
        of("tasks/test_transcribe", "gemini_is_asked_for_the_words_alone"),
        of(CONTENTS, SPLIT),
        AS_CHATS,
        NO_AGENT,
    ),
    ("Vertex AI", "classification"): (BY_CHAT, WHOLE, AS_CHATS, NO_AGENT),
    ("Vertex AI", "vision"): (
        of("providers/google/test_generate_content", "sends_media_inline_or_by_address"),
        of(CONTENTS, SPLIT),
        SEEN_IN_BUCKETS,
        of(
            "providers/google/test_generate_content",
            "media_of_results_stand_inside_them_or_beside_them_for_older_models",
        ),
    ),
}
