import classes from './CloudScene.module.css';

/** The ferry on a sea of clouds. Decorative. */
export function CloudScene({ ferry = true }: { ferry?: boolean }) {
  return (
    <svg className={classes.scene} viewBox="0 0 480 260" aria-hidden="true" focusable="false">
      <circle cx="372" cy="72" r="34" fill="var(--sky-sun)" />
      <path
        className={classes.far}
        fill="var(--sky-cloud-back)"
        d="M14 240a40 40 0 0 1 50-52 58 58 0 0 1 104-14 46 46 0 0 1 66 8 62 62 0 0 1 112-18 50 50 0 0 1 70 22 38 38 0 0 1 50 54z"
      />
      {ferry ? (
        <g className={classes.ferry}>
          <circle cx="292" cy="66" r="7" fill="var(--sky-cloud)" />
          <circle cx="308" cy="54" r="10" fill="var(--sky-cloud)" />
          <path fill="var(--sky-beacon)" d="M264 78h22v34h-22z" />
          <path fill="var(--sky-hull)" d="M264 86h22v7h-22z" />
          <path fill="var(--sky-cabin)" d="M190 104a8 8 0 0 1 8-8h52a8 8 0 0 1 8 8v32h-68z" />
          <g fill="var(--sky-cloud)">
            <path d="M200 106h12v12h-12zM218 106h12v12h-12zM236 106h12v12h-12z" />
          </g>
          <path fill="var(--sky-cabin)" d="M168 122h142a6 6 0 0 1 6 6v16H162v-16a6 6 0 0 1 6-6z" opacity="0.55" />
          <path fill="var(--sky-hull)" d="M132 142h216a6 6 0 0 1 5.4 8.6L328 202H158l-31.4-51.4a6 6 0 0 1 5.4-8.6z" />
          <path fill="var(--sky-beacon)" d="M140 164h207l-4.5 9H145.5z" />
        </g>
      ) : null}
      <path
        fill="var(--sky-cloud)"
        d="M10 246a34 34 0 0 1 48-31 46 46 0 0 1 84-12 38 38 0 0 1 58 2 48 48 0 0 1 84-2 40 40 0 0 1 62 0 44 44 0 0 1 78 12 34 34 0 0 1 46 31 8 8 0 0 1-8 8H18a8 8 0 0 1-8-8z"
      />
    </svg>
  );
}
