"""The same as matrix_tests.py for AWS, Azure and Hugging Face."""

from __future__ import annotations

from collections.abc import Mapping

from project.matrix_tests import (
    BOTO3,
    BY_CHAT,
    CLOUDS,
    COMPLETIONS,
    CONVERSE,
    HEARD,
    HUGGING,
    IN_BUCKETS,
    KINDS,
    LABELS,
    MEDIA,
    NO_AGENT,
    NO_BATCH,
    NO_KIND,
    NO_PICTURES,
    OPENAI,
    OPENAI_STREAMS,
    PICTURES,
    READ,
    RECORDED_LABELS,
    SEEN,
    SEEN_IN_BUCKETS,
    SENT,
    SPLIT,
    VECTORS,
    WHOLE,
    Tests,
    of,
)

_AZURE = "providers/azure/test_azure"
_SERVICES = "providers/azure/test_services"
_TRANSCRIBE = "providers/aws/test_transcribe"
_RUNS = "providers/aws/test_bedrock_runs"
_HF_TASKS = "providers/huggingface/test_tasks"
_NO_STREAM = of("tasks/test_streaming", "a_transcript_that_comes_whole_is_not_taken_for_a_stream")

CLOUD_TESTS: Mapping[tuple[str, str], tuple[Tests, Tests, Tests, Tests]] = {
    ("AWS Bedrock", "chat"): (
        of(CONVERSE, READ, SENT)
        + of("providers/aws/test_converse_server", "the_oracle_accepts_every_request")
        + of("providers/aws/test_signing", "a_thousand_random_requests_are_signed_as_botocore_signs_them")
        + of("providers/aws/test_framed", "every_recorded_answer_of_claude_by_invoke_model_decodes"),
        of(CONVERSE, SPLIT)
        + of("providers/aws/test_converse_stream", "no_byte_of_a_stream_can_be_changed_unseen")
        + of("providers/aws/test_event_stream", "frames_of_botocores_reader_and_ours_are_the_same"),
        IN_BUCKETS
        + of("providers/aws/test_batches", "a_job_is_created_once_in_the_form_of_its_lines")
        + of("simulator/test_buckets", "boto3_makes_a_batch_and_reads_its_results"),
        of(_RUNS, "tools_run_and_thoughts_go_back_signed") + of(BOTO3, "tools_are_called_and_the_answer_follows"),
    ),
    ("AWS Bedrock", "embedding"): (
        of(VECTORS, READ, "the_oracle_of_aws_accepts_every_request")
        + of("tasks/test_embed", "bedrock_is_asked_one_text_at_a_time_by_signed_requests"),
        WHOLE,
        of("tasks/test_bucket_batches", "vectors_come_under_the_ids_of_their_texts"),
        NO_AGENT,
    ),
    ("AWS Bedrock", "image generation"): (
        of(
            "providers/test_media_codecs",
            "bedrock_is_asked_in_the_words_of_the_maker",
            "bedrock_gives_pictures_or_says_why_it_drew_none",
        ),
        of("providers/test_media_codecs", "what_a_model_does_not_offer_is_refused") + NO_PICTURES,
        of("tasks/test_bucket_batches", "pictures_of_bedrock_come_under_the_ids_of_their_prompts"),
        NO_AGENT,
    ),
    ("AWS Bedrock", "speech-to-text"): (
        of(
            _TRANSCRIBE,
            "writes_down_a_recording_that_lies_in_s3",
            "the_same_question_is_one_job_however_often_it_is_asked",
            "requests_are_signed_and_the_signed_address_is_left_as_it_is",
            "a_model_of_bedrock_that_hears_writes_down_what_it_is_sent",
        ),
        of(_TRANSCRIBE, "what_it_does_not_do_is_refused_with_what_to_do"),
        of(_TRANSCRIBE, "the_same_question_is_one_job_however_often_it_is_asked"),
        NO_AGENT,
    ),
    ("AWS Bedrock", "classification"): (
        of(
            LABELS,
            "comprehend_is_asked_in_batches_by_signed_requests",
            "comprehend_has_classifiers_of_ones_own_and_errors_of_single_texts",
            "a_guardrail_of_bedrock_moderates_and_its_models_chat",
        )
        + BY_CHAT,
        WHOLE,
        of("providers/aws/test_analyses", "fifty_texts_are_two_exchanges_and_one_that_fails_has_an_error_of_its_own")
        + of(
            "providers/aws/test_comprehend_batches",
            "each_text_has_its_label_or_its_error_under_its_id",
            "boto3_starts_such_jobs_at_the_simulator",
        ),
        NO_AGENT,
    ),
    ("AWS Bedrock", "vision"): (
        of("providers/aws/test_converse", "media_are_sent_by_their_bytes_or_their_place_in_s3")
        + of("providers/aws/test_analyses", "a_picture_has_labels_with_scores_from_0_to_1")
        + of("providers/aws/test_converse_server", "the_oracle_accepts_every_request"),
        of(CONVERSE, SPLIT),
        of("providers/aws/test_batches", "a_job_is_created_once_in_the_form_of_its_lines") + SEEN_IN_BUCKETS,
        of("providers/aws/test_converse", "media_that_a_tool_returned_stand_in_its_result"),
    ),
    ("AWS SageMaker", "any"): (
        of("simulator/test_hosted", "every_format_answers_plain_and_streamed", "boto3_invokes_endpoints")
        + of("conformance/test_recordings_invoke", "the_recorded_endpoint_of_sagemaker_is_read"),
        of("providers/aws/test_framed", "a_stream_is_read_however_its_parts_are_cut"),
        of("providers/aws/test_async_inference", "each_input_has_its_answer_or_its_error_under_its_id")
        + of(
            "providers/aws/test_transform_jobs",
            "each_input_has_its_answer_under_its_id",
            "a_reply_that_is_lost_makes_no_second_job",
        ),
        of("simulator/test_hosted", "calls_are_made_and_told_apart")
        + of("providers/aws/test_text_forms", "tools_are_refused_in_words"),
    ),
    ("Azure OpenAI", "chat"): (
        of(COMPLETIONS, "every_answer_is_read_as_independent_readers_read_it")
        + of(_AZURE, "an_address_says_which_api_is_spoken", "what_the_filter_found_is_in_the_details")
        + of(CLOUDS, "azure_is_asked_by_openai_s_client"),
        OPENAI_STREAMS + of("conformance/test_quirks", "q19_azure_begins_without_a_choice_an_id_and_a_model"),
        of("tasks/test_batch", "azure_is_asked_where_its_batches_are"),
        of(OPENAI, "a_response_calls_tools_side_by_side_and_goes_on")
        + of("conformance/test_quirks", "q12_strict_requires_every_property_and_lets_optional_ones_be_null"),
    ),
    ("Azure OpenAI", "embedding"): (
        of(VECTORS, READ) + of("tasks/test_embed", "azure_is_asked_by_v1_and_by_dated_versions"),
        WHOLE,
        of("tasks/test_batch", "azure_is_asked_where_its_batches_are")
        + of(KINDS, "vectors_are_those_that_embed_gives"),
        NO_AGENT,
    ),
    ("Azure OpenAI", "image generation"): (
        PICTURES + of("tasks/test_generate_image", "requests_are_accepted_by_the_oracle"),
        of("tasks/test_generate_image", "tells_unfinished_pictures_while_they_are_made"),
        NO_KIND,
        NO_AGENT,
    ),
    ("Azure OpenAI", "speech-to-text"): (
        of("tasks/test_transcribe", "requests_are_accepted_by_the_oracle")
        + of("providers/test_media_codecs", "azure_speech_is_sent_the_sound_and_a_definition")
        + of(_SERVICES, "fast_transcription_is_answered_at_once"),
        of(MEDIA, "a_streamed_transcript_is_the_same_in_every_split"),
        of(
            _SERVICES,
            "a_recording_at_an_address_is_heard_by_a_job",
            "many_recordings_are_one_job_found_again_by_its_name",
        ),
        NO_AGENT,
    ),
    ("Azure OpenAI", "classification"): (
        of(LABELS, "azure_tells_languages_and_severities")
        + of(
            _SERVICES,
            "content_safety_moderates_texts_and_pictures",
            "languages_and_sentiments_are_found_at_once_in_parts_of_ten",
        )
        + BY_CHAT,
        WHOLE,
        of(_SERVICES, "many_texts_are_jobs_of_twenty_five_each_with_one_result_for_each_text"),
        NO_AGENT,
    ),
    ("Azure OpenAI", "vision"): (
        of("providers/openai/test_responses", "TestEncode::writes_media"),
        OPENAI_STREAMS,
        of("tasks/test_batch", "azure_is_asked_where_its_batches_are") + SEEN,
        of("providers/openai/test_responses", "TestEncode::shows_pictures_that_a_tool_returned_and_mentions_sounds"),
    ),
    ("Azure Foundry", "chat, vision"): (
        of(
            _AZURE,
            "foundry_has_an_address_for_claude_and_one_for_all_others",
            "foundry_speaks_the_format_of_the_model_s_maker",
        )
        + of(CLOUDS, "claude_in_foundry_is_asked_by_anthropic_s_client"),
        of(COMPLETIONS, "every_stream_is_the_same_however_it_is_cut"),
        NO_BATCH,
        of("providers/openai/test_chat", "tools_are_nested_and_strict_where_their_schema_allows"),
    ),
    ("Hugging Face", "chat"): (
        of(COMPLETIONS, "every_answer_is_read_as_independent_readers_read_it")
        + of("providers/huggingface/test_chat", "the_body_begins_with_the_model_and_its_partner")
        + of(HUGGING, "it_chats_whole_and_streamed"),
        of(COMPLETIONS, "every_stream_is_the_same_however_it_is_cut") + of(HUGGING, "it_chats_whole_and_streamed"),
        NO_BATCH,
        of("providers/huggingface/test_chat", "a_schema_is_a_response_format_of_openai_s_at_partners")
        + of("providers/openai/test_chat", "tools_are_nested_and_strict_where_their_schema_allows"),
    ),
    ("Hugging Face", "embedding"): (
        of(VECTORS, READ)
        + of(HUGGING, "it_embeds", "partners_embed_for_it")
        + of(_HF_TASKS, "an_address_is_a_server_of_one_model_unless_a_partner_is_named"),
        WHOLE,
        NO_KIND + of(HUGGING, "it_embeds"),
        NO_AGENT,
    ),
    ("Hugging Face", "image generation"): (
        PICTURES
        + of(HUGGING, "it_draws", "partners_draw_for_it")
        + of(_HF_TASKS, "partners_draw_each_in_its_own_format"),
        of(_HF_TASKS, "what_text_to_image_does_not_know_is_refused") + NO_PICTURES,
        NO_KIND,
        NO_AGENT,
    ),
    ("Hugging Face", "speech-to-text"): (
        HEARD + of(HUGGING, "it_hears", "partners_hear_for_it") + of(_HF_TASKS, "partners_hear_each_in_its_own_format"),
        _NO_STREAM + of("tasks/test_streaming", "jobs_and_partners_stream_nothing"),
        NO_KIND,
        NO_AGENT,
    ),
    ("Hugging Face", "classification"): (
        of(
            LABELS,
            "hugging_face_is_asked_for_its_own_labels_or_the_callers",
            "hugging_face_classifies_one_input_a_request",
        )
        + RECORDED_LABELS
        + of(HUGGING, "it_classifies_texts_and_pictures"),
        WHOLE,
        NO_KIND,
        NO_AGENT,
    ),
    ("Hugging Face", "vision"): (
        of("providers/openai/test_chat", "media_have_their_parts") + of(HUGGING, "it_classifies_texts_and_pictures"),
        of(COMPLETIONS, "every_stream_is_the_same_however_it_is_cut"),
        NO_BATCH,
        of("providers/openai/test_chat", "media_of_results_follow_in_a_user_message_merged_with_the_next"),
    ),
}
