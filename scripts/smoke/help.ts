export const help = `npm run smoke -- --account FILE|ID --container NAME [--second NAME] [--prefix PREFIX]

Runs the conformance suite against your own account at a cloud. Whatever it writes (some 250 MB, some 3,000 objects) is
below one fresh prefix, skyferry-smoke-<random>/, and is removed at the end, after failures and Ctrl-C too. Your cloud
charges for the requests. Use a bucket that keeps no versions: versions of deleted objects are not removed.

  --account    A JSON file as below, which only you should be able to read (chmod 600); or the id of an account that is
               connected here, from the address of the page that replaces its keys. DATABASE_URL and
               KEY_ENCRYPTION_KEY are those of the installation then; without them, those of \`npm start\`, which runs.
  --container  The bucket or container to write to; for Dropbox: dropbox.
  --second     Another one, for copies from one to the other.
  --prefix     Folder of the container to write below.

Account files, where everything after the secrets may be left out:

  S3       {"provider": "s3", "accessKeyId": "…", "secretAccessKey": "…", "region": "eu-central-1"}
           {"provider": "s3", "accessKeyId": "…", "secretAccessKey": "…", "endpoint": "https://…", "addressing": "path"}
  Azure    {"provider": "azure", "connectionString": "…"}
           {"provider": "azure", "accountName": "…", "accountKey": "…"}
           {"provider": "azure", "accountName": "…", "sasToken": "…"}
           {"provider": "azure", "accountName": "…", "tenantId": "…", "clientId": "…", "clientSecret": "…"}
  Google   {"provider": "gcs", "serviceAccountKey": "<the key file as one JSON string>", "projectId": "…"}
  Dropbox  {"provider": "dropbox", "appKey": "…", "refreshToken": "…"}

Stores at private addresses need ALLOWED_PRIVATE_ADDRESSES, the machine's identity ALLOW_MACHINE_IDENTITY, and Google
accounts of people GOOGLE_OAUTH_CLIENT_ID and GOOGLE_OAUTH_CLIENT_SECRET, as they do for Skyferry itself.

Exit code: 0 when every test passed and everything was removed, else 1; 130 after Ctrl-C.`;
