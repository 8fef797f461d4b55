import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { libraryPath, unpackDebian } from '../../../scripts/local/debian.ts';
import { answers, freePort, type RunningProcess, startProcess, startReady } from '../../../scripts/local/processes.ts';
import { runProgram } from '../../../scripts/local/program.ts';
import type { S3Settings } from './s3.ts';

/** Debian's radosgw on a Ceph of its own: an S3 server that is not written here. */
export interface Radosgw {
  settings: Omit<S3Settings, 'bucket'>;
  pids: readonly number[];
  stop(): Promise<void>;
}

/**
 * Starts the smallest Ceph that there is, one monitor and one store in memory, without replicas and without sign-in among
 * its own daemons, and radosgw on it. Debian's packages are unpacked below the data folder and nothing is installed. Maps
 * of the cluster are made by hand, so that Ceph's command in Python is not needed.
 */
export async function startRadosgw(directory: string): Promise<Radosgw> {
  const packages = await unpackDebian(
    ['radosgw', 'ceph-mon', 'ceph-osd'],
    join(process.env.DATA_DIRECTORY || '.data', 'debian'),
  );
  const libraries = join(packages, 'usr/lib/x86_64-linux-gnu');
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C', LD_LIBRARY_PATH: await libraryPath(packages) };
  const [cluster, monitorPort, port] = [randomUUID(), await freePort(), await freePort()];
  const monitor = `[v2:127.0.0.1:${monitorPort}]`;
  const keys = { accessKeyId: 'bench', secretAccessKey: randomBytes(16).toString('hex') };
  const home = join(directory, 'ceph');
  await mkdir(join(home, 'mon'), { recursive: true });
  await mkdir(join(home, 'osd'));
  const file = (name: string) => join(home, name);
  const settings = {
    global: {
      fsid: cluster,
      auth_cluster_required: 'none',
      auth_service_required: 'none',
      auth_client_required: 'none',
      mon_host: monitor,
      public_addr: '127.0.0.1',
      cluster_addr: '127.0.0.1',
      ms_bind_msgr1: 'false',
      mon_data: file('mon'),
      mon_allow_pool_size_one: 'true',
      mon_cluster_log_to_file: 'false',
      mon_max_pg_per_osd: '1000',
      osd_data: file('osd'),
      osd_objectstore: 'memstore',
      memstore_device_bytes: String(8 * 1024 ** 3),
      osd_pool_default_size: '1',
      osd_pool_default_pg_num: '8',
      osd_pool_default_pg_autoscale_mode: 'off',
      osd_crush_update_on_start: 'false',
      run_dir: home,
      admin_socket: '',
      pid_file: '',
      log_file: '',
      keyring: file('keyring'),
      plugin_dir: join(libraries, 'ceph'),
      erasure_code_dir: join(libraries, 'ceph/erasure-code'),
      osd_class_dir: join(libraries, 'rados-classes'),
    },
    'client.rgw': {
      // Without sign-in a gateway that asks for encryption waits for ever.
      ms_mon_client_mode: 'crc',
      rgw_data: home,
      // What was deleted is kept for two hours else, and the store is full after a few rounds.
      rgw_gc_obj_min_wait: '1',
      rgw_gc_processor_period: '5',
      rgw_frontends: `beast endpoint=127.0.0.1:${port}`,
    },
  };
  const lines = Object.entries(settings).flatMap(([section, values]) => [
    `[${section}]`,
    ...Object.entries(values).map(([name, value]) => `${name} = ${value}`),
  ]);
  await writeFile(file('ceph.conf'), `${lines.join('\n')}\n`);

  const program = (name: string) => join(packages, 'usr/bin', name);
  const run = (name: string, ...args: string[]) => runProgram(program(name), args, { env });
  const ofCluster = ['--conf', file('ceph.conf')];
  await run('ceph-authtool', '--create-keyring', file('keyring'), '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *');
  await run('osdmaptool', '--createsimple', '1', file('osdmap'));
  await run('monmaptool', '--create', '--fsid', cluster, '--addv', 'a', monitor, file('monmap'));
  const maps = ['--monmap', file('monmap'), '--osdmap', file('osdmap'), '--keyring', file('keyring')];
  await run('ceph-mon', ...ofCluster, '--mkfs', '-i', 'a', ...maps);
  await run('ceph-osd', ...ofCluster, '--mkfs', '--no-mon-config', '-i', '0', '--osd-uuid', randomUUID());

  const started: RunningProcess[] = [];
  const stop = async () => {
    for (const daemon of started.toReversed()) await daemon.stop();
  };
  const daemon = (name: string, ...id: string[]) => ({
    name,
    command: program(name),
    args: [...ofCluster, '--foreground', ...id],
    env,
    logFile: join(directory, `${name}.log`),
  });
  try {
    started.push(await startProcess(daemon('ceph-mon', '-i', 'a')));
    started.push(await startProcess(daemon('ceph-osd', '-i', '0')));
    // Waits for both.
    const user = ['--uid', 'bench', '--display-name', 'Bench', '--access-key', keys.accessKeyId];
    const asGateway = [...ofCluster, '--name', 'client.rgw'];
    await run('radosgw-admin', ...asGateway, 'user', 'create', ...user, '--secret-key', keys.secretAccessKey);
    const endpoint = `http://127.0.0.1:${port}`;
    const gateway = daemon('radosgw', '--name', 'client.rgw');
    started.push(await startReady(gateway, () => answers(endpoint), 60_000));
    return { settings: { endpoint, ...keys }, pids: started.map(({ pid }) => pid), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
