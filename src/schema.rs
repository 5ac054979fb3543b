// @generated automatically by Diesel CLI.

diesel::table! {
    further_codes (code_hash) {
        #[max_length = 32]
        code_hash -> Binary,
        #[max_length = 64]
        openid -> Varchar,
        #[max_length = 16]
        key_fingerprint -> Char,
        brought_at -> Datetime,
    }
}

diesel::table! {
    key_ages (day, writer, outcome, place, age_below, issued_age_below) {
        day -> Date,
        writer -> Unsigned<Bigint>,
        #[max_length = 8]
        outcome -> Varchar,
        place -> Unsigned<Tinyint>,
        age_below -> Unsigned<Integer>,
        issued_age_below -> Unsigned<Integer>,
        decryptions -> Unsigned<Bigint>,
    }
}

diesel::table! {
    phone_history (id) {
        id -> Unsigned<Bigint>,
        #[max_length = 64]
        openid -> Varchar,
        #[max_length = 32]
        phone_number -> Varchar,
        #[max_length = 32]
        pure_phone_number -> Varchar,
        #[max_length = 8]
        country_code -> Varchar,
        phone_watermark -> Datetime,
        replaced_at -> Datetime,
    }
}

diesel::table! {
    sessions (openid, key_fingerprint) {
        #[max_length = 64]
        openid -> Varchar,
        #[max_length = 16]
        key_fingerprint -> Char,
        #[max_length = 255]
        session_key -> Varchar,
        #[max_length = 32]
        code_hash -> Binary,
        code_brought_at -> Datetime,
        code_minute -> Unsigned<Integer>,
        first_seen_at -> Datetime,
        issued_at -> Datetime,
        expires_at -> Datetime,
    }
}

diesel::table! {
    users (id) {
        id -> Unsigned<Bigint>,
        #[max_length = 64]
        openid -> Varchar,
        #[max_length = 64]
        unionid -> Nullable<Varchar>,
        #[max_length = 32]
        phone_number -> Nullable<Varchar>,
        #[max_length = 32]
        pure_phone_number -> Nullable<Varchar>,
        #[max_length = 8]
        country_code -> Nullable<Varchar>,
        phone_watermark -> Nullable<Datetime>,
        phone_updated_at -> Nullable<Datetime>,
        created_at -> Datetime,
        updated_at -> Datetime,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    further_codes,
    key_ages,
    phone_history,
    sessions,
    users,
);
